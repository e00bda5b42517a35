#include "crdt/shared_map.h"

#include <rapidcheck.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace titan::crdt {
namespace {

using Map = SharedMap<int, std::string>;
using Model = std::map<int, std::string>;

Model content(const Map& map) {
  return {map.begin(), map.end()};
}

TEST_CASE("shared map: what is edited is there, in the order of its keys") {
  Map map;
  CHECK(map.empty());
  map.edit(2) = "two";
  map.edit(1) = "one";
  map.edit(2) += "!";
  CHECK(map.size() == 2);
  CHECK(map.at(2) == "two!");
  CHECK(map.begin()->first == 1);
  CHECK(map.get(3) == nullptr);
  CHECK(map.find(3) == map.end());
  map.erase(3);
  map.erase(1);
  map.erase(2);
  CHECK(map.empty());
  CHECK(map.begin() == map.end());
}

TEST_CASE("shared map: a copy keeps what it had, whatever becomes of the original") {
  Map map;
  for (int key = 0; key < 1000; ++key) map.edit(key) = std::to_string(key);
  const Map copy = map;
  map.edit(500) = "changed";
  map.edit(5000) = "new";
  map.erase(1);
  CHECK(copy.at(500) == "500");
  CHECK(copy.contains(1));
  CHECK_FALSE(copy.contains(5000));
  CHECK(copy.size() == 1000);
  CHECK_FALSE(copy == map);
  map.edit(500) = "500";
  map.erase(5000);
  map.edit(1) = "1";
  CHECK(copy == map);
}

TEST_CASE("shared map: what was moved from is empty and can be used again") {
  Map map;
  map.edit(1) = "one";
  Map other = std::move(map);
  map.check_invariants();
  CHECK(map.empty());
  map.edit(2) = "two";
  other = std::move(map);
  CHECK(map.empty());
  CHECK(content(other) == Model{{2, "two"}});
  other.check_invariants();
}

TEST_CASE("shared map: a copy shares the values that neither has changed") {
  Map map;
  for (int key = 0; key < 1000; ++key) map.edit(key) = std::to_string(key);
  const Map copy = map;
  CHECK(copy.get(999) == map.get(999));
  map.edit(1) = "changed";
  CHECK(copy.get(999) == map.get(999));
  CHECK(copy.get(1) != map.get(1));
}

TEST_CASE("shared map: copies in any order of changes are what plain maps would be") {
  rc::check([](const std::vector<std::uint32_t>& drawn) {
    constexpr std::size_t maps_count = 3;
    std::vector<Map> maps(maps_count);
    std::vector<Model> models(maps_count);
    // Each number is a burst of steps, so that chunks fill, split and run empty.
    for (std::uint32_t chance : drawn) {
      const std::size_t on = chance % maps_count, from = chance / 3 % maps_count;
      const int first = static_cast<int>(chance / 9 % 500);
      const int count = static_cast<int>(chance / 4500 % 150);
      switch (chance % 5) {
        case 0:
          maps[on] = maps[from];
          models[on] = models[from];
          break;
        case 1:
          for (int key = first; key < first + count; ++key) {
            maps[on].erase(key);
            models[on].erase(key);
          }
          break;
        default:
          for (int key = first + count; key > first; key -= 1 + static_cast<int>(chance % 3)) {
            maps[on].edit(key) = std::to_string(chance + static_cast<std::uint32_t>(key));
            models[on][key] = std::to_string(chance + static_cast<std::uint32_t>(key));
          }
      }
      for (std::size_t at = 0; at < maps_count; ++at) {
        maps[at].check_invariants();
        RC_ASSERT(content(maps[at]) == models[at]);
        for (std::size_t other = 0; other < maps_count; ++other) {
          RC_ASSERT((maps[at] == maps[other]) == (models[at] == models[other]));
        }
      }
    }
  });
}

TEST_CASE("shared map: threads change their own copies of one map") {
  Map map;
  for (int key = 0; key < 1000; ++key) map.edit(key) = "old";
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([copy = map, number, &wrong]() mutable {
      for (int key = 0; key < 1000; ++key) copy.edit(key) = std::to_string(number);
      for (const auto& [key, value] : copy) wrong += value != std::to_string(number);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  for (const auto& [key, value] : map) wrong += value != "old";
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace titan::crdt
