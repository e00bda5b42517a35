#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "simulations/engine/schedule.h"
#include "simulations/engine/trace.h"

namespace titan::simulations {
namespace {

MonoTime ms(int count) {
  return {milliseconds(count)};
}

TEST_CASE("tasks run in the order of their times, and at one time in the order of asking") {
  Schedule schedule;
  std::string order;
  schedule.at(ms(2), [&] { order += "c"; });
  schedule.at(ms(1), [&] {
    order += "a";
    schedule.in(Duration(0), [&] { order += "b"; });
    schedule.at(ms(0), [&] { order += "late "; });
  });
  schedule.at(ms(2), [&] { order += "d"; });
  schedule.at(ms(9), [&] { order += "too late"; });
  while (schedule.step(ms(5))) {
  }
  CHECK(order == "ablate cd");
  CHECK(schedule.now() == ms(5));
  CHECK(schedule.steps() == 5);
  CHECK(schedule.waiting() == 1);
}

TEST_CASE("a task is kept whatever its size, and given back once") {
  const auto counted = std::make_shared<int>(0);
  {
    Schedule schedule;
    schedule.at(ms(1), [counted] { ++*counted; });
    schedule.at(ms(2), [counted, big = std::array<std::uint64_t, 64>{7}] {
      *counted += static_cast<int>(big[0]);
    });
    schedule.at(ms(3), [only = std::make_unique<int>(100), counted] { *counted += *only; });
    schedule.at(ms(8), [counted] { *counted += 1000; });
    while (schedule.step(ms(5))) {
    }
    CHECK(*counted == 108);
    CHECK(counted.use_count() == 2);  // the one that never ran
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("the trace hash depends on every word, its order and its time") {
  const auto hash_of = [](std::initializer_list<std::pair<int, const char*>> probes) {
    Trace trace(true);
    for (const auto& [at, probe] : probes) trace.on_observed({ms(at), Reached{probe}});
    return trace.hash();
  };
  const auto base = hash_of({{1, "a"}, {2, "b"}});
  CHECK(base == hash_of({{1, "a"}, {2, "b"}}));
  CHECK(base != hash_of({{1, "b"}, {2, "a"}}));
  CHECK(base != hash_of({{1, "a"}, {3, "b"}}));
  CHECK(base != hash_of({{1, "a"}}));
  Trace framed(false);
  framed.on_frame(ms(1), 0, 1, "abc");
  Trace other(false);
  other.on_frame(ms(1), 1, 0, "abc");
  CHECK(framed.hash() != other.hash());
}

TEST_CASE("the trace keeps the last lines only") {
  Trace trace(true);
  for (std::size_t i = 0; i < trace_lines_kept + 50; ++i) {
    trace.on_observed({ms(static_cast<int>(i)), Reached{std::to_string(i)}});
  }
  REQUIRE(trace.last_lines().size() == trace_lines_kept);
  CHECK(trace.last_lines().back().starts_with("0.249000 "));
}

}  // namespace
}  // namespace titan::simulations
