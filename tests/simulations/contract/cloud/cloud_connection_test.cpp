// Who may connect, what a handshake tells, and how a connection ends that does not keep to the
// protocol.
#include "tests/simulations/contract/cloud/cloud_cases.h"

namespace titan::test {
namespace {

CLOUD_CASE("a store joins and is told limits, a signed watermark and what that is about") {
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
  CHECK(uplink->held_by_cloud().held.vector().journal_count() == 1);
  CHECK(uplink->held_of(accepted.feed_journal) == crdt::IntervalSet({{1, accepted.feed_number}}));
}

CLOUD_CASE("a store is told what is held with its gaps; both branches of a forked number count") {
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
  again->join(1);
  CHECK(again->held_of(till.tail().journal) == crdt::IntervalSet({{1, 2}, {5, 5}, {7, 7}}));
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

}  // namespace
}  // namespace titan::test
