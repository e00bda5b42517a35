// What comes to a store from the cloud: head office's changes, and entries that the store lost.
#include "tests/simulations/contract/cloud/cloud_cases.h"

namespace titan::test {
namespace {

CLOUD_CASE("head office's change reaches a store at another gateway without a renewal") {
  TestType cloud(2);
  Till till("till-1");
  const auto away = cloud.connect(till);
  const auto uplink = cloud.connect(till);  // at the second gateway; changes go to the first
  const auto joined = uplink->join(1);
  cloud.change_products(3);
  cloud.run_until([&] { return uplink->feed().size() > joined.feed_number; }, "the change");
}

CLOUD_CASE("head office's changes are pushed in order, from the store's cursor on") {
  TestType cloud;
  Till till("till-1");
  JournalId journal;
  std::uint64_t first_number = 0;
  {
    const auto uplink = cloud.connect(till);
    const auto accepted = uplink->join(1);
    journal = accepted.feed_journal;
    first_number = accepted.feed_number;
    const auto numbers_come = [&](std::uint64_t last) {
      return [&uplink, last] {
        return !uplink->feed().empty() && uplink->feed().back().envelope.id.number >= last;
      };
    };
    cloud.run_until(numbers_come(first_number), "the feed so far", seconds(1));
    cloud.change_products(3);
    cloud.run_until(numbers_come(first_number + 1), "the change", seconds(1));
    std::uint64_t number = 0;
    for (const mesh::Entry& entry : uplink->feed()) {
      CHECK(entry.envelope.id == mesh::EntryId{journal, ++number});
      CHECK(entry.envelope.device == device_of(cloud.key()));
    }
    CHECK(number == first_number + 1);
  }
  cloud.change_products(2);
  const auto uplink = cloud.connect(till);
  auto handshake = uplink->handshake(1);
  handshake.feeds = {{journal, {crdt::IntervalSet({{1, first_number}}), {}}}};
  uplink->send(handshake);
  CHECK(uplink->template receive<uplink::HandshakeAccepted>().feed_number == first_number + 2);
  cloud.run_until([&] { return uplink->feed().size() >= 2; }, "what the store lacks", seconds(1));
  CHECK(uplink->feed()[0].envelope.id.number == first_number + 1);
  CHECK(uplink->feed()[1].envelope.id.number == first_number + 2);
  CHECK(uplink->feed().size() == 2);
}

CLOUD_CASE("a store gets back what it lost: exactly what it asks for, with the keys to check it") {
  TestType cloud;
  Till till("till-1");
  Till other("till-2");
  Till copy("till-2");
  const auto uplink = cloud.connect(till);
  uplink->join(1);
  const auto entries = sales(other, 30);
  const auto branch = copy.sell("B", 1);
  CHECK(uplink->upload(entries).accepted == 30);
  CHECK(uplink->upload({branch}).accepted == 1);
  const auto own = sales(till, 1);
  CHECK(uplink->upload(own).accepted == 1);
  uplink->wait_for_watermark(own);
  const auto ask = [&](const crdt::IntervalSet& numbers, std::uint64_t bytes_max) {
    static std::uint64_t request = 0;
    uplink->send(uplink::EntriesWanted{++request, {{other.tail().journal, numbers}}, bytes_max});
    const auto lost = uplink->template receive<uplink::LostEntries>();
    CHECK(lost.request == request);
    CHECK(lost.last);
    return lost;
  };
  const auto lost = ask(crdt::IntervalSet({{5, 9}, {30, 30}, {77, 80}}), 1'000'000);
  REQUIRE(lost.entries.size() == 6);
  CHECK(lost.entries.front() == entries[4]->bytes);
  CHECK(lost.entries.back() == entries[29]->bytes);
  CHECK(std::count(lost.device_keys.begin(), lost.device_keys.end(), other.key.public_key) == 1);
  // Both branches of a forked number.
  CHECK(ask(crdt::IntervalSet({{1, 1}}), 1'000'000).entries.size() == 2);
  // A limit too low to be meant is raised; nothing held is an empty answer.
  CHECK(ask(crdt::IntervalSet({{2, 30}}), 1).entries.size() == 29);
  CHECK(ask(crdt::IntervalSet({{1000, 2000}}), 1'000'000).entries.empty());
}

}  // namespace
}  // namespace titan::test
