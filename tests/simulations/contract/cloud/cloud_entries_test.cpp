// What the cloud takes, acknowledges, refuses and keeps of entries.
#include "tests/simulations/contract/cloud/cloud_cases.h"

namespace titan::test {
namespace {

crdt::Stock folded(const std::vector<EntryPointer>& entries) {
  crdt::Stock stock;
  for (const auto& entry : entries) {
    stock.apply(entry->hash, entry->envelope.claim, entry->envelope.stock_effects);
  }
  return stock;
}

CLOUD_CASE("what is acknowledged is held, shown, and comes under the watermark") {
  TestType cloud;
  Till till("till-1");
  const auto uplink = cloud.connect(till);
  uplink->join(1);
  const std::vector<EntryPointer> entries = {till.deliver("A", 10), till.sell("A", 2)};
  const auto ack = uplink->upload(entries);
  CHECK(ack.accepted == 2);
  CHECK(ack.failures.empty());
  uplink->wait_for_watermark(entries);
  CHECK(cloud.holds(entries));
  CHECK(cloud.stock() == folded(entries).sums());
}

CLOUD_CASE("a window of batches is acknowledged in its order") {
  TestType cloud;
  Till till("till-1");
  const auto uplink = cloud.connect(till);
  const auto window = uplink->join(1).window_batches;
  std::vector<EntryPointer> entries;
  for (std::uint32_t i = 0; i < window; ++i) {
    const auto batch = sales(till, 3);
    uplink->send_batch(batch);
    entries.insert(entries.end(), batch.begin(), batch.end());
  }
  for (std::uint64_t i = 1; i <= window; ++i) {
    const auto ack = uplink->template receive<uplink::BatchAck>();
    CHECK(ack.sequence == i);
    CHECK(ack.accepted == 3);
  }
  uplink->wait_for_watermark(entries);
}

CLOUD_CASE("batches again, overlapping, on another connection: every entry counts once") {
  TestType cloud;
  Till till("till-1");
  const auto entries = sales(till, 12);
  {
    const auto uplink = cloud.connect(till);
    uplink->join(1);
    CHECK(uplink->upload(entries).accepted == 12);
    CHECK(uplink->upload(entries).accepted == 12);
    CHECK(uplink->upload({entries[3], entries[3], entries[5]}).accepted == 3);
    uplink->wait_for_watermark(entries);
  }
  const auto again = cloud.connect(till);
  again->join(1);
  CHECK(again->held_of(till.tail().journal) == crdt::IntervalSet({{1, 12}}));
  CHECK(again->upload(entries).accepted == 12);
  const auto marker = sales(till, 1, "B");
  CHECK(again->upload(marker).accepted == 1);
  again->wait_for_watermark(marker);
  CHECK(cloud.stock().at("A").removed == 12'000'000);
}

CLOUD_CASE("an acknowledgement names the token of its uplink") {
  TestType cloud;
  Till till("till-1");
  const auto uplink = cloud.connect(till);
  uplink->join(3);
  CHECK(uplink->upload({till.sell("A", 1)}).token == uplink->token(3));
}

CLOUD_CASE("entries of a device nobody knows yet wait; its first entry makes them known") {
  TestType cloud;
  Till till("till-1");
  Till stranger("till-9");
  const auto entries = sales(stranger, 4);
  const auto uplink = cloud.connect(till);
  uplink->join(1);
  const auto own = sales(till, 1);
  const auto ack = uplink->upload({entries[2], own[0], entries[3]});
  CHECK(ack.accepted == 1);
  REQUIRE(ack.failures.size() == 2);
  for (const auto& failure : ack.failures) {
    CHECK(failure.index != 1);
    CHECK(failure.retryable);
    CHECK_FALSE(failure.quarantined);
  }
  CHECK(uplink->upload({entries[0]}).accepted == 1);
  CHECK(uplink->upload({entries[2], entries[3]}).accepted == 2);
  CHECK(uplink->upload({entries[1]}).accepted == 1);
  uplink->wait_for_watermark(entries);
}

CLOUD_CASE("where the first entry is lost, a key that comes along makes its device known") {
  TestType cloud;
  Till till("till-1");
  Till stranger("till-9");
  const auto entries = sales(stranger, 4);
  const auto uplink = cloud.connect(till);
  uplink->join(1);
  CHECK(uplink->upload({entries[2]}, {till.key.public_key}).accepted == 0);
  CHECK(uplink->upload({entries[2]}, {stranger.key.public_key}).accepted == 1);
  // And known it stays.
  CHECK(uplink->upload({entries[3]}).accepted == 1);
  uplink->wait_for_watermark({entries[2], entries[3]});
}

CLOUD_CASE("two gateways: a device that one has learnt, the other knows with its entries") {
  TestType cloud(2);
  Till first("till-1");
  Till second("till-2");
  Till stranger("till-9");
  const auto entries = sales(stranger, 4);
  const auto at_one = cloud.connect(first);
  at_one->join(5);
  CHECK(at_one->upload({entries[0], entries[1]}).accepted == 2);
  cloud.run_until([&] { return cloud.holds({entries[0], entries[1]}); }, "them to be projected");
  const auto at_two = cloud.connect(second);
  at_two->join(6);
  // The watermark tells the leader that it need not send those.
  const auto own = sales(second, 1);
  CHECK(at_two->upload(own).accepted == 1);
  at_two->wait_for_watermark({entries[0], entries[1], own[0]});
  CHECK(at_two->upload({entries[2], entries[3]}).accepted == 2);
  at_two->wait_for_watermark(entries);
}

CLOUD_CASE("a forged entry is refused alone and for good, wherever it stands in the batch") {
  TestType cloud;
  Till till("till-1");
  Till other("till-2");
  const auto uplink = cloud.connect(till);
  uplink->join(1);
  const auto good = other.sell("B", 1);
  const auto genuine = till.sell("A", 1);
  const auto forged = std::make_shared<mesh::Entry>(*genuine);
  Signature signature = genuine->signature;
  signature.bytes[5] ^= 1;
  forged->bytes = till.codec.encode_signed_entry(genuine->envelope_bytes, signature);
  const auto rubbish = std::make_shared<mesh::Entry>(*genuine);
  rubbish->bytes = "no entry at all";
  const auto foreign = Till("till-9", "acme", "paris-1").sell("C", 1);
  const auto ack = uplink->upload({forged, good, rubbish, foreign, forged});
  CHECK(ack.accepted == 1);
  REQUIRE(ack.failures.size() == 4);
  for (const auto& failure : ack.failures) {
    CHECK(failure.index != 1);
    CHECK_FALSE(failure.retryable);
    CHECK_FALSE(failure.quarantined);
  }
  CHECK(uplink->upload({genuine}).accepted == 1);
  uplink->wait_for_watermark({good, genuine});
  CHECK_FALSE(cloud.stock().contains("C"));
}

CLOUD_CASE("an entry whose body is none counts as held, with its stock effects") {
  TestType cloud;
  Till till("till-1");
  const auto uplink = cloud.connect(till);
  uplink->join(1);
  const auto broken = till.write(mesh::Kind::sale, "\xff\xff", {Till::effect("A", -1)});
  const auto fine = till.sell("A", 1);
  const auto ack = uplink->upload({broken, fine});
  CHECK(ack.accepted == 2);
  for (const auto& failure : ack.failures) CHECK(failure.quarantined);
  uplink->wait_for_watermark({broken, fine});
  CHECK(cloud.stock().at("A").removed == 2'000'000);
}

CLOUD_CASE("killed and started again: what was acknowledged is held, lease and feed are the same") {
  TestType cloud;
  Till till("till-1");
  Till other("till-2");
  auto uplink = cloud.connect(till);
  const auto before = uplink->join(5);
  std::vector<EntryPointer> acknowledged;
  for (int i = 0; i < 5; ++i) {
    const auto batch = sales(till, 20);
    CHECK(uplink->upload(batch).accepted == 20);
    acknowledged.insert(acknowledged.end(), batch.begin(), batch.end());
  }
  const auto under_way = sales(till, 20);
  uplink->send_batch(under_way);
  const auto sequence = uplink->watermark().sequence;
  const auto epoch = uplink->watermark().epoch_random;
  cloud.restart();
  uplink->wait_until_closed();
  // Nothing is sent again, and all of it comes under the watermark.
  CHECK(cloud.connect(other)->try_to_join(4).holder == uplink->token(5));
  uplink = cloud.connect(till);
  const auto after = uplink->join(5);
  CHECK(after.feed_journal == before.feed_journal);
  CHECK(after.feed_number == before.feed_number);
  CHECK(uplink->watermark().sequence >= sequence);
  CHECK(uplink->watermark().epoch_random == epoch);
  uplink->wait_for_watermark(acknowledged);
  CHECK(uplink->upload(under_way).accepted == 20);
  uplink->wait_for_watermark(under_way);
  CHECK(cloud.stock().at("A").removed == 120'000'000);
}

}  // namespace
}  // namespace titan::test
