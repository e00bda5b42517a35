// What goes into the next transaction: bounded, urgent first, nothing overtaken that must not be.
#include "pos-node/storage/commit_queue.h"

#include <catch2/catch.hpp>

namespace titan::pos {
namespace {

mesh::StoreRequest request(std::uint64_t id, std::size_t entries, std::size_t bytes = 1000) {
  mesh::StoreRequest made;
  made.id = id;
  for (std::size_t i = 0; i < entries; ++i) {
    auto entry = std::make_shared<mesh::Entry>();
    entry->bytes.resize(bytes);
    made.entries.push_back(std::move(entry));
  }
  return made;
}

mesh::StoreRequest urgent(std::uint64_t id, std::size_t entries = 1) {
  auto made = request(id, entries);
  made.is_urgent = true;
  return made;
}

std::vector<std::uint64_t> ids(const std::vector<mesh::StoreRequest>& requests) {
  std::vector<std::uint64_t> all;
  for (const auto& taken : requests) all.push_back(taken.id);
  return all;
}

using Ids = std::vector<std::uint64_t>;

TEST_CASE("a sale goes before a catch-up that came earlier, and takes some of it along") {
  CommitQueue queue;
  for (std::uint64_t id = 1; id <= 40; ++id) queue.push(request(id, 100));
  CHECK_FALSE(queue.has_urgent());
  queue.push(urgent(41));
  queue.push(urgent(42));
  CHECK(queue.has_urgent());
  CHECK(queue.entries() == 4002);
  const auto taken = queue.take();
  CHECK(ids(taken) == Ids{41, 42, 1, 2, 3, 4, 5});  // 5 x 100 entries of 1000 bytes: 512 KiB
  CHECK(queue.entries() == 3500);
  CHECK(ids(queue.take()).front() == 6);
}

TEST_CASE("a transaction ends by entries as by bytes, but a large request goes whole") {
  CommitQueue queue;
  queue.push(request(1, 900, 10));
  queue.push(request(2, 200, 10));
  queue.push(request(3, 1, 600 * 1024));
  queue.push(request(4, 1, 10));
  queue.push(request(5, 5000, 10));
  for (const std::uint64_t id : {1, 2, 3, 4, 5}) CHECK(ids(queue.take()) == Ids{id});
  CHECK(queue.empty());
  CHECK(queue.entries() == 0);
  CHECK(queue.take().empty());
}

TEST_CASE("an endless stream of sales does not hold up what nobody waits for") {
  CommitQueue queue;
  queue.push(request(1, 10));
  for (std::uint64_t id = 2; id < 5000; ++id) queue.push(urgent(id));
  CHECK(ids(queue.take()).back() == 1);
}

TEST_CASE("an urgent request with rows that replace others overtakes nothing") {
  CommitQueue queue;
  auto older = request(1, 1);
  older.members.emplace_back();
  queue.push(older);
  auto newer = urgent(2);
  newer.members.emplace_back();
  queue.push(newer);
  queue.push(urgent(3));
  CHECK(ids(queue.take()) == Ids{1, 2, 3});
}

TEST_CASE("rows that replace others do not overtake those that wait among the urgent") {
  CommitQueue queue;
  for (std::uint64_t id = 1; id <= 4; ++id) queue.push(request(id, 400));
  auto first = urgent(5);
  first.watermark.emplace();
  queue.push(std::move(first));
  CHECK(ids(queue.take()) == Ids{1});
  auto second = request(6, 0);
  second.watermark.emplace();
  queue.push(std::move(second));
  queue.push(request(7, 1));
  Ids order;
  while (!queue.empty()) {
    for (const auto id : ids(queue.take())) order.push_back(id);
  }
  const auto place = [&](std::uint64_t id) { return std::find(order.begin(), order.end(), id); };
  CHECK(order.size() == 6);
  CHECK(place(5) < place(6));
}

TEST_CASE("requests without entries count, too: the queue of them is bounded per transaction") {
  CommitQueue queue;
  for (std::uint64_t id = 1; id <= commit_entries_max + 1; ++id) queue.push(request(id, 0));
  CHECK(queue.take().size() == commit_entries_max);
  CHECK(queue.take().size() == 1);
}

}  // namespace
}  // namespace titan::pos
