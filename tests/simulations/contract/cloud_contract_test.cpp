// One contract for the cloud, kept by the simulator's model and by real titan-cloud processes on a
// PostgreSQL: handshakes, the lease, acknowledgements, cursors, feed, entries that a store lost.
#include <catch2/catch.hpp>

#include "tests/simulations/contract/model_cloud.h"
#include "tests/simulations/contract/real_cloud.h"

namespace titan::test {
namespace {

constexpr Duration lease_lasts = seconds(5);

crdt::Stock folded(const std::vector<EntryPointer>& entries) {
  crdt::Stock stock;
  for (const auto& entry : entries) {
    stock.apply(entry->hash, entry->envelope.claim, entry->envelope.stock_effects);
  }
  return stock;
}

crdt::IntervalSet numbers_in(const std::vector<mesh::JournalItem>& items,
                             const JournalId& journal) {
  for (const auto& item : items) {
    if (item.journal == journal) return item.item.stored;
  }
  return {};
}

// What a till hears that asks for the lease under too low a token.
uplink::HandshakeRefused holder_of(CloudUnderTest& cloud, const Till& till) {
  return cloud.connect(till)->try_to_join(1);
}

#define CLOUD_CASE(name) TEMPLATE_TEST_CASE("cloud: " name, "", ModelCloud, RealCloud)

CLOUD_CASE("a store joins and is told limits, cursors and a signed watermark") {
  TestType cloud;
  Till till("till-1");
  const auto uplink = cloud.connect(till);
  const auto accepted = uplink->join(1);
  CHECK(accepted.cloud_key == cloud.key());
  CHECK(accepted.batch_entries_max == 512);
  CHECK(accepted.batch_bytes_max == 1024 * 1024);
  CHECK(accepted.window_batches == 8);
  CHECK(accepted.lease_ms == 5000);
  // Its feed is all that the cloud holds of a new store.
  REQUIRE(accepted.held.size() == 1);
  CHECK(accepted.held[0].journal == accepted.feed_journal);
  CHECK(accepted.held[0].item.stored == crdt::IntervalSet({{1, accepted.feed_number}}));
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
  const auto accepted = again->join(1);
  CHECK(numbers_in(accepted.held, till.tail().journal) == crdt::IntervalSet({{1, 12}}));
  CHECK(again->upload(entries).accepted == 12);
  const auto marker = sales(till, 1, "B");
  CHECK(again->upload(marker).accepted == 1);
  again->wait_for_watermark(marker);
  CHECK(cloud.stock().at("A").removed == 12'000'000);
}

CLOUD_CASE("the handshake tells cursors with their gaps; both branches of a forked number count") {
  TestType cloud;
  Till till("till-1");
  Till copy("till-1");  // the same key and the same random numbers: a copied running process
  const auto entries = sales(till, 6);
  const auto branch = copy.sell("A", 5);
  REQUIRE(branch->envelope.id == entries[0]->envelope.id);
  const auto uplink = cloud.connect(till);
  uplink->join(1);
  const std::vector<EntryPointer> some = {entries[0], entries[1], entries[4]};
  CHECK(uplink->upload(some).accepted == 3);
  CHECK(uplink->upload({branch}).accepted == 1);
  const auto marker = sales(till, 1, "B");
  CHECK(uplink->upload(marker).accepted == 1);
  uplink->wait_for_watermark(marker);
  const auto again = cloud.connect(till);
  CHECK(numbers_in(again->join(1).held, till.tail().journal) ==
        crdt::IntervalSet({{1, 2}, {5, 5}, {7, 7}}));
  CHECK(cloud.stock().at("A").removed == 8'000'000);
}

CLOUD_CASE("handshakes that must not get in are refused with their reason, and ended") {
  TestType cloud;
  Till till("till-1");
  const auto refusal = [&](auto&& change, const KeyPair& key) {
    const auto uplink = cloud.connect(till);
    auto handshake = uplink->handshake(1);
    change(handshake);
    uplink->send_signed_by(handshake, key);
    const auto refused = uplink->template receive<uplink::HandshakeRefused>();
    uplink->wait_until_closed();
    return refused.code;
  };
  const auto unchanged = [](uplink::Handshake&) {};
  CHECK(refusal([](auto& h) { h.access_key = "guess"; }, till.key) == uplink::RefusalCode::bad_key);
  CHECK(refusal([](auto& h) { h.tenant = "other"; }, till.key) == uplink::RefusalCode::bad_key);
  CHECK(refusal([](auto& h) { h.protocol = 99; }, till.key) == uplink::RefusalCode::protocol);
  CHECK(refusal(unchanged, key_of("a stranger")) == uplink::RefusalCode::signature);
}

CLOUD_CASE("a handshake that somebody recorded opens no other connection") {
  TestType cloud;
  Till till("till-1");
  const auto first = cloud.connect(till);
  const auto recorded = first->handshake(1);
  first->send(recorded);
  first->template receive<uplink::HandshakeAccepted>();
  const auto replayed = cloud.connect(till);
  CHECK(replayed->nonce() != first->nonce());
  replayed->send(recorded);
  CHECK(replayed->template receive<uplink::HandshakeRefused>().code ==
        uplink::RefusalCode::signature);
}

CLOUD_CASE("a terminal of protocol 1 answers no challenge, until it has answered one") {
  TestType cloud;
  Till till("till-1");
  const auto of_version_1 = [&](UplinkUnderTest& uplink) {
    auto handshake = uplink.handshake(1);
    handshake.protocol = 1;
    handshake.nonce = {};
    return handshake;
  };
  const auto old = cloud.connect(till);
  old->send(of_version_1(*old));
  old->template receive<uplink::HandshakeAccepted>();
  old->close("updated");
  cloud.connect(till)->join(2);
  const auto downgraded = cloud.connect(till);
  downgraded->send(of_version_1(*downgraded));
  CHECK(downgraded->template receive<uplink::HandshakeRefused>().code ==
        uplink::RefusalCode::signature);
}

CLOUD_CASE("an acknowledgement names the token of its uplink") {
  TestType cloud;
  Till till("till-1");
  const auto uplink = cloud.connect(till);
  uplink->join(3);
  CHECK(uplink->upload({till.sell("A", 1)}).token == uplink->token(3));
}

CLOUD_CASE("head office's change reaches a store at another gateway without a renewal") {
  TestType cloud(2);
  Till till("till-1");
  const auto away = cloud.connect(till);
  const auto uplink = cloud.connect(till);  // at the second gateway; changes go to the first
  const auto joined = uplink->join(1);
  cloud.change_products(3);
  cloud.run_until([&] { return uplink->feed().size() > joined.feed_number; }, "the change");
}

CLOUD_CASE("a holder that is cut off and does not come back is gone long before its lease ends") {
  TestType cloud;
  Till first_till("till-1"), second_till("till-2");
  const auto first = cloud.connect(first_till);
  first->join(5);
  cloud.let_pass(milliseconds(300));
  first->close("cut off");
  cloud.let_pass(milliseconds(2500));
  const auto second = cloud.connect(second_till);
  const auto refused = second->try_to_join(4);
  CHECK(refused.code == uplink::RefusalCode::lower_token);
  CHECK(refused.holder_gone);
}

CLOUD_CASE("a holder that was cut off and came back keeps its lease") {
  TestType cloud;
  Till first_till("till-1"), second_till("till-2");
  const auto first = cloud.connect(first_till);
  first->join(5);
  first->close("cut off");
  const auto again = cloud.connect(first_till);
  again->join(5);
  cloud.let_pass(milliseconds(2500));
  const auto refused = cloud.connect(second_till)->try_to_join(4);
  CHECK_FALSE(refused.holder_gone);
}

CLOUD_CASE("a message out of turn ends the connection") {
  TestType cloud;
  Till till("till-1");
  const auto early = cloud.connect(till);
  early->renew();
  early->wait_until_closed();
  const auto twice = cloud.connect(till);
  twice->join(1);
  twice->send(twice->handshake(1));
  twice->wait_until_closed();
}

CLOUD_CASE("who sends more than its window or its batch may hold is cut off") {
  TestType cloud;
  Till till("till-1");
  const auto entries = sales(till, 513);
  const auto greedy = cloud.connect(till);
  greedy->join(1);
  for (int i = 0; i < 200; ++i) greedy->send_batch({entries[0]});
  greedy->wait_until_closed();
  const auto big = cloud.connect(till);
  big->join(1);
  big->send_batch(entries);
  big->wait_until_closed();
}

CLOUD_CASE("a lower token is refused and told who holds the lease") {
  TestType cloud;
  Till first("till-1");
  Till second("till-2");
  const auto holder = cloud.connect(first);
  holder->join(5);
  const auto low = cloud.connect(second);
  const auto refused = low->try_to_join(4);
  CHECK(refused.code == uplink::RefusalCode::lower_token);
  CHECK(refused.holder == holder->token(5));
  CHECK_FALSE(refused.holder_gone);
  low->wait_until_closed();
  CHECK(holder->upload(sales(first, 1)).accepted == 1);
}

CLOUD_CASE("a higher token, or a newer connection of the same, fences the older connection") {
  TestType cloud;
  Till first("till-1");
  Till second("till-2");
  const auto oldest = cloud.connect(first);
  oldest->join(5);
  const auto same = cloud.connect(first);
  same->join(5);
  CHECK(oldest->template receive<uplink::Closing>().code == uplink::ClosingCode::fenced);
  oldest->wait_until_closed();

  // A batch under way when the lease moves is kept, acknowledged or not.
  const auto entries = sales(first, 3);
  same->send_batch(entries);
  const auto higher = cloud.connect(second);
  higher->join(6);
  const auto closing = same->template receive<uplink::Closing>();
  CHECK(closing.code == uplink::ClosingCode::fenced);
  CHECK(closing.holder == higher->token(6));
  same->wait_until_closed();
  higher->wait_for_watermark(entries);
}

CLOUD_CASE("who says goodbye is gone at once; a lower token stays out all the same") {
  TestType cloud;
  Till first("till-1");
  Till second("till-2");
  const auto holder = cloud.connect(first);
  holder->join(5);
  holder->close(uplink::goodbye);
  cloud.run_until([&] { return holder_of(cloud, second).holder_gone; }, "the holder to be gone",
                  seconds(3));
  CHECK(holder_of(cloud, second).holder == holder->token(5));
  const auto low = cloud.connect(second);
  CHECK(low->try_to_join(4).code == uplink::RefusalCode::lower_token);
  // It comes back: there again.
  const auto back = cloud.connect(first);
  back->join(5);
  CHECK_FALSE(holder_of(cloud, second).holder_gone);
}

CLOUD_CASE(
    "the lease runs out where it is not renewed, not before, and comes back with a renewal") {
  TestType cloud;
  Till first("till-1");
  Till second("till-2");
  const auto holder = cloud.connect(first);
  holder->join(5);
  const Duration joined = cloud.now();
  while (cloud.now() < joined + lease_lasts + seconds(1)) {
    cloud.let_pass(milliseconds(1500));
    CHECK_FALSE(holder_of(cloud, second).holder_gone);
    holder->renew();
    (void)holder->template receive<uplink::LeaseRenewed>();
  }
  const Duration renewed = cloud.now();
  cloud.let_pass(seconds(3));
  CHECK_FALSE(holder_of(cloud, second).holder_gone);
  cloud.run_until([&] { return holder_of(cloud, second).holder_gone; }, "the lease to run out",
                  seconds(4));
  CHECK(cloud.now() - renewed >= lease_lasts - milliseconds(100));
  // Nobody has taken it meanwhile.
  holder->renew();
  (void)holder->template receive<uplink::LeaseRenewed>();
  CHECK_FALSE(holder_of(cloud, second).holder_gone);
  // Its connection has done its work all the time.
  CHECK(holder->upload(sales(first, 1)).accepted == 1);
}

CLOUD_CASE("a connection that is lost gives the lease up as little as one that stands") {
  TestType cloud;
  Till first("till-1");
  Till second("till-2");
  const auto holder = cloud.connect(first);
  holder->join(5);
  holder->close("the line is bad");
  cloud.let_pass(milliseconds(300));
  CHECK_FALSE(holder_of(cloud, second).holder_gone);
}

CLOUD_CASE("two gateways: the lease moves at one, the holder at the other learns it and is kept") {
  TestType cloud(2);
  Till first("till-1");
  Till second("till-2");
  const auto at_one = cloud.connect(first);
  at_one->join(5);
  const auto late = sales(first, 4);
  at_one->send_batch(late);  // under way while the lease moves
  const auto at_two = cloud.connect(second);
  at_two->join(6);
  const auto closing = at_one->template receive<uplink::Closing>();  // without a renewal
  CHECK(closing.code == uplink::ClosingCode::lease_lost);
  CHECK(closing.holder == at_two->token(6));
  at_one->wait_until_closed();
  cloud.run_until([&] { return cloud.holds(late); }, "the late batch to be projected");
  const auto marker = sales(second, 1);
  CHECK(at_two->upload(marker).accepted == 1);
  at_two->wait_for_watermark(late);
}

CLOUD_CASE("two gateways: one stalls with a batch, which is kept when it goes on") {
  TestType cloud(2);
  Till first("till-1");
  Till second("till-2");
  const auto at_one = cloud.connect(first);
  at_one->join(5);
  const auto entries = sales(first, 2);
  CHECK(at_one->upload(entries).accepted == 2);
  cloud.stall_first_gateway(seconds(1));
  const auto late = sales(first, 3);
  at_one->send_batch(late);
  at_one->renew();
  const auto at_two = cloud.connect(second);
  at_two->join(6);
  CHECK_FALSE(cloud.holds(late));
  CHECK(at_one->template receive<uplink::Closing>().code == uplink::ClosingCode::lease_lost);
  cloud.run_until([&] { return cloud.holds(late); }, "the late batch to be projected");
  CHECK(cloud.stock().at("A").removed == 5'000'000);
}

CLOUD_CASE("two gateways: a renewal after a goodbye that came late makes the holder be there") {
  TestType cloud(2);
  Till first("till-1");
  Till second("till-2");
  const auto at_one = cloud.connect(first);
  at_one->join(5);
  const auto at_two = cloud.connect(first);
  at_two->join(5);
  at_one->close(uplink::goodbye);
  cloud.run_until([&] { return holder_of(cloud, second).holder_gone; }, "the goodbye to be heard",
                  seconds(3));
  at_two->renew();
  (void)at_two->template receive<uplink::LeaseRenewed>();
  CHECK_FALSE(holder_of(cloud, second).holder_gone);
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
  handshake.cursors = {{journal, {crdt::IntervalSet({{1, first_number}}), {}}}};
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
