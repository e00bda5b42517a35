// How a store learns what the cloud holds: by signed roots, by what changed since it was told last,
// and in slices where it asks.
#include "tests/simulations/contract/cloud/cloud_cases.h"

#include "mesh/watermark/telling.h"

namespace titan::test {
namespace {

using Outcome = mesh::WatermarkFollower::Outcome;

std::vector<EntryPointer> sales_in_journals_of_their_own(Till& till, int count) {
  std::vector<EntryPointer> entries;
  for (int i = 0; i < count; ++i) {
    entries.push_back(till.sell("A", 1));
    till.new_journal();
  }
  return entries;
}

void upload_all(UplinkUnderTest& uplink, const std::vector<EntryPointer>& entries) {
  constexpr std::ptrdiff_t batch_entries = 500;
  for (auto at = entries.begin(); at != entries.end();) {
    const auto end = at + std::min(batch_entries, entries.end() - at);
    CHECK(uplink.upload({at, end}).accepted == static_cast<std::size_t>(end - at));
    at = end;
  }
}

CLOUD_CASE("a store that holds nothing asks; what it is told has the root that was signed") {
  TestType cloud;
  Till till("till-1");
  const auto uplink = cloud.connect(till);
  const auto accepted = uplink->join(1);
  const auto statement = till.codec.decode_watermark_statement(accepted.watermark.statement);
  REQUIRE(statement);
  const auto& known = uplink->held_by_cloud();
  CHECK(known.watermark == accepted.watermark);
  CHECK(known.held.root() == statement->root);
  CHECK(known.held.vector().entry_count() == statement->entries);
  CHECK(uplink->slices().size() == 1);
}

CLOUD_CASE("a store that holds what is accepted asks for nothing; updates begin there") {
  TestType cloud;
  Till till("till-1");
  const auto first = cloud.connect(till);
  first->join(1);
  const auto entries = sales(till, 3);
  CHECK(first->upload(entries).accepted == 3);
  first->wait_for_watermark(entries);
  const auto again = cloud.connect(till);
  again->guess(first->held_by_cloud().held);
  again->join(1);
  CHECK(again->held_by_cloud().held == first->held_by_cloud().held);
  for (int i = 0; i < 3; ++i) {
    const auto more = sales(till, 2);
    CHECK(again->upload(more).accepted == 2);
    again->wait_for_watermark(more);
  }
  CHECK(again->slices().empty());
}

CLOUD_CASE("a store whose guess is wrong asks; updates begin where the last slice ended") {
  TestType cloud;
  Till till("till-1");
  Till stranger("till-9");
  const auto uplink = cloud.connect(till);
  uplink->guess(crdt::RootedVector(vector_of(sales(stranger, 2))));
  uplink->join(1);
  CHECK(uplink->held_by_cloud().held.vector().journal_count() == 1);
  for (int i = 0; i < 3; ++i) {
    const auto more = sales(till, 2);
    CHECK(uplink->upload(more).accepted == 2);
    uplink->wait_for_watermark(more);
  }
  CHECK(uplink->slices().size() == 1);
}

CLOUD_CASE("thousands of journals come in several slices; commits may come between them") {
  constexpr int journals = 5000;
  TestType cloud;
  Till till("till-1");
  const auto entries = sales_in_journals_of_their_own(till, journals);
  const auto first = cloud.connect(till);
  first->join(1);
  upload_all(*first, entries);
  first->wait_for_watermark(entries);
  const auto fresh = cloud.connect(till);
  fresh->join(1);
  const auto meanwhile = sales(till, 2);
  fresh->send_batch(meanwhile);
  fresh->wait_for_watermark(meanwhile);
  // Theirs, the one of the last sales, and the feed.
  CHECK(fresh->held_by_cloud().held.vector().journal_count() == journals + 2);
  const std::size_t slices = fresh->slices().size();
  CHECK(slices >= 2);
  for (const mesh::WatermarkSlice& slice : fresh->slices()) {
    CHECK(uplink::encode(slice).size() < 2 * mesh::watermark_bytes_aim);
  }
  const auto after = sales(till, 2);
  CHECK(fresh->template receive<uplink::BatchAck>().accepted == 2);
  CHECK(fresh->upload(after).accepted == 2);
  fresh->wait_for_watermark(after);
  CHECK(fresh->slices().size() == slices);
}

CLOUD_CASE("what is asked for is answered by what differs, on either side, and by no more") {
  TestType cloud;
  Till till("till-1");
  const auto uplink = cloud.connect(till);
  uplink->join(1);
  const auto entries = sales(till, 3);
  CHECK(uplink->upload(entries).accepted == 3);
  uplink->wait_for_watermark(entries);
  const crdt::RootedVector held = uplink->held_by_cloud().held;
  const auto ask = [&](crdt::Bucket first, const crdt::RootedVector& own) {
    uplink->send(mesh::WatermarkRequest{first, own.digests(first)});
    const auto slice = uplink->template receive<mesh::WatermarkSlice>();
    CHECK(slice.next == 0);
    return slice;
  };
  const auto nothing = ask(0, held);
  CHECK(nothing.buckets.empty());
  CHECK(nothing.journals.empty());
  // A journal that only the store has: its bucket is named, without it.
  Till other("till-2");
  crdt::VersionVector more = held.vector();
  add(more, *other.sell("B", 1));
  const crdt::Bucket bucket = crdt::bucket_of(other.tail().journal);
  const auto gone = ask(0, crdt::RootedVector(more));
  CHECK(gone.buckets == std::vector<crdt::Bucket>{bucket});
  // From a bucket on.
  const crdt::Bucket own = crdt::bucket_of(till.tail().journal);
  const auto from_own = ask(own, {}).buckets;
  CHECK(std::count(from_own.begin(), from_own.end(), own) == 1);
  if (own + 1 < crdt::bucket_count) {
    const auto behind = ask(own + 1, {}).buckets;
    CHECK(std::count(behind.begin(), behind.end(), own) == 0);
  }
}

CLOUD_CASE("who asks for buckets that do not exist is cut off") {
  TestType cloud;
  Till till("till-1");
  const auto uplink = cloud.connect(till);
  uplink->join(1);
  uplink->held_by_cloud();
  uplink->send(mesh::WatermarkRequest{0, {{crdt::bucket_count, 1}}});
  uplink->wait_until_closed();
}

CLOUD_CASE("a watermark after a reset of the lease is later than all before it") {
  TestType cloud;
  Till till("till-1");
  mesh::WatermarkFollower terminal(till.codec, contract_tenant, contract_store, cloud.key());
  const auto first = cloud.connect(till);
  first->join(5);
  const auto entries = sales(till, 3);
  CHECK(first->upload(entries).accepted == 3);
  first->wait_for_watermark(entries);
  const mesh::HeldByCloud before = first->held_by_cloud();
  CHECK(terminal.take(before) == Outcome::taken);
  cloud.reset_lease();
  const auto again = cloud.connect(till);
  again->guess(before.held);
  again->join(6);
  const mesh::HeldByCloud after = again->held_by_cloud();
  CHECK(after.statement.epoch > before.statement.epoch);
  CHECK(after.statement.epoch_random != before.statement.epoch_random);
  CHECK(after.held == before.held);  // nothing is forgotten by it
  CHECK(terminal.take(after) == Outcome::taken);
  CHECK(terminal.take(before) == Outcome::not_newer);
  const auto more = sales(till, 2);
  CHECK(again->upload(more).accepted == 2);
  again->wait_for_watermark(more);
  CHECK(terminal.take(again->held_by_cloud()) == Outcome::taken);
  CHECK(again->slices().empty());
}

}  // namespace
}  // namespace titan::test
