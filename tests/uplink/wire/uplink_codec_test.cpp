// Uplink messages: round trips, forged handshakes, bytes that are no message.
#include "uplink/wire/uplink_codec.h"

#include <catch2/catch.hpp>

#include "base/random.h"
#include "tests/uplink/till.h"

namespace titan::uplink {
namespace {

const KeyPair key = test::key_of("till-1");

std::vector<mesh::JournalItem> feeds() {
  mesh::JournalItem item;
  item.journal = *JournalId::from_bytes(Bytes(16, 'j'));
  item.item.stored = crdt::IntervalSet({{1, 17}, {19, 20}});
  item.item.content = {1, 2};
  return {item};
}

Handshake handshake() {
  Handshake message;
  message.tenant = "acme";
  message.store = "london-1";
  message.device_key = key.public_key;
  message.token = {7, *ProcessId::from_bytes(Bytes(16, 'p'))};
  message.terminal = "till-1";
  message.access_key = "secret";
  message.sent = {1'317'888'000'000};
  message.feeds = feeds();
  return message;
}

template <class Message>
Message round_trip_to_cloud(const Message& message) {
  const auto decoded = decode_to_cloud(encode(ToCloud(message), key));
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<Message>(*decoded));
  return std::get<Message>(*decoded);
}
template <class Message>
Message round_trip_to_store(const Message& message) {
  const auto decoded = decode_to_store(encode(ToStore(message)));
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<Message>(*decoded));
  return std::get<Message>(*decoded);
}

TEST_CASE("messages to the cloud survive the wire") {
  const auto hello = round_trip_to_cloud(handshake());
  CHECK(hello.tenant == "acme");
  CHECK(hello.store == "london-1");
  CHECK(hello.token == handshake().token);
  CHECK(hello.access_key == "secret");
  CHECK(hello.feeds == feeds());
  CHECK(hello.sent == handshake().sent);

  const auto batch =
      round_trip_to_cloud(Batch{3, {"one", Bytes("\0two", 4)}, {handshake().device_key}});
  CHECK(batch.sequence == 3);
  CHECK(batch.device_keys == std::vector<PublicKey>{handshake().device_key});
  CHECK(batch.entries == std::vector<Bytes>{"one", Bytes("\0two", 4)});

  const auto renewal = round_trip_to_cloud(LeaseRenewal{4, 99, 5});
  CHECK(renewal.pending_entries == 99);
  CHECK(renewal.view_size == 5);

  EntriesWanted wanted;
  wanted.request = 8;
  wanted.bytes_max = 1000;
  wanted.wanted = {{*JournalId::from_bytes(Bytes(16, 'j')), crdt::IntervalSet({{2, 5}})}};
  const auto asked = round_trip_to_cloud(wanted);
  REQUIRE(asked.wanted.size() == 1);
  CHECK(asked.wanted[0].numbers == crdt::IntervalSet({{2, 5}}));

  const auto request = round_trip_to_cloud(mesh::WatermarkRequest{7, {{7, 1}, {4095, 2}}});
  CHECK(request.first == 7);
  CHECK(request.held == std::vector<crdt::BucketDigest>{{7, 1}, {4095, 2}});

  CHECK(round_trip_to_cloud(FeedProgress{*JournalId::from_bytes(Bytes(16, 'f')), 12}).number == 12);
}

TEST_CASE("messages to the store survive the wire") {
  HandshakeAccepted accepted;
  accepted.watermark.statement = "statement";
  accepted.watermark.cloud_key = key.public_key;
  accepted.feed_journal = *JournalId::from_bytes(Bytes(16, 'f'));
  accepted.feed_number = 4;
  accepted.cloud_key = key.public_key;
  accepted.lease_ms = 5000;
  const auto heard = round_trip_to_store(accepted);
  CHECK(heard.watermark == accepted.watermark);
  CHECK(heard.lease_ms == 5000);

  HandshakeRefused refused{RefusalCode::lower_token, "till-2 holds it", handshake().token, true,
                           50};
  const auto told = round_trip_to_store(refused);
  CHECK(told.code == RefusalCode::lower_token);
  CHECK(told.holder == refused.holder);
  CHECK(told.holder_gone);

  const auto ack = round_trip_to_store(BatchAck{5, 9, {{2, true, false, "later"}}});
  REQUIRE(ack.failures.size() == 1);
  CHECK(ack.failures[0].index == 2);
  CHECK(ack.failures[0].retryable);

  const std::vector<mesh::DeviceJournals> journals = {{device_of(key.public_key), feeds()}};
  const mesh::WatermarkUpdate update{accepted.watermark, blake2b("base"), journals};
  const auto push = round_trip_to_store(ServerPush{{"feed"}, update});
  CHECK(push.feed_entries == std::vector<Bytes>{"feed"});
  REQUIRE(push.watermark);
  CHECK(push.watermark->watermark == accepted.watermark);
  CHECK(push.watermark->base == update.base);
  CHECK(push.watermark->changed == journals);
  const auto slice =
      round_trip_to_store(mesh::WatermarkSlice{accepted.watermark, 2, {3, 9}, journals, 10});
  CHECK(slice.buckets == std::vector<crdt::Bucket>{3, 9});
  CHECK(slice.journals == journals);
  CHECK(slice.next == 10);
  CHECK(slice.first == 2);
  CHECK_FALSE(round_trip_to_store(ServerPush{{"feed"}, {}}).watermark);

  const auto lost = round_trip_to_store(LostEntries{3, {"e"}, true, {key.public_key}});
  CHECK(lost.last);
  CHECK(lost.device_keys == std::vector<PublicKey>{key.public_key});

  CHECK(round_trip_to_store(LeaseRenewed{6}).sequence == 6);
  const auto closing = round_trip_to_store(Closing{ClosingCode::fenced, "newer", refused.holder});
  CHECK(closing.code == ClosingCode::fenced);
  CHECK(closing.holder == refused.holder);
}

TEST_CASE("a request for what the cloud holds names buckets that exist, in their order") {
  for (const auto& held : std::vector<std::vector<crdt::BucketDigest>>{
           {{6, 1}}, {{9, 1}, {8, 1}}, {{9, 1}, {9, 1}}, {{4096, 1}}}) {
    CHECK_FALSE(decode_to_cloud(encode(ToCloud(mesh::WatermarkRequest{7, held}), key)));
  }
  CHECK_FALSE(decode_to_cloud(encode(ToCloud(mesh::WatermarkRequest{4096, {}}), key)));
}

TEST_CASE("a handshake signed by another device, or altered, is refused") {
  const Bytes forged = encode(ToCloud(handshake()), test::key_of("a stranger"));
  const auto decoded = decode_to_cloud(forged);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().code == ErrorCode::refused);

  Bytes altered = encode(ToCloud(handshake()), key);
  const auto place = altered.find("london-1");
  REQUIRE(place != Bytes::npos);
  altered[place + 7] = '2';
  const auto second = decode_to_cloud(altered);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::refused);
}

TEST_CASE("random, truncated and altered bytes are refused, never a crash") {
  Random random(42);
  const std::vector<Bytes> samples = {
      encode(ToCloud(handshake()), key), encode(ToCloud(Batch{1, {"abc", "def"}}), key),
      encode(ToStore(BatchAck{5, 9, {{2, true, false, "later"}}})),
      encode(ToStore(LostEntries{3, {"e"}, true, {key.public_key}}))};
  std::size_t decoded = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = samples[random.below(samples.size())];
    if (random.chance({1, 4})) bytes.resize(random.below(bytes.size() + 1));
    for (std::uint64_t i = random.below(4); i > 0 && !bytes.empty(); --i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    decoded += decode_to_cloud(bytes).has_value() ? 1 : 0;
    decoded += decode_to_store(bytes).has_value() ? 1 : 0;
  }
  CHECK(decoded > 0);
}

TEST_CASE("ids of the wrong length are refused by name") {
  Bytes bytes = encode(ToCloud(FeedProgress{*JournalId::from_bytes(Bytes(16, 'f')), 12}), key);
  const auto place = bytes.find(Bytes(16, 'f'));
  REQUIRE(place != Bytes::npos);
  // One byte less in the field, in the message and in the frame.
  bytes.erase(place, 1);
  bytes[place - 1] = 15;
  bytes[1] = static_cast<char>(bytes[1] - 1);
  const auto decoded = decode_to_cloud(bytes);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().message.find("feed_journal") != std::string::npos);
}

}  // namespace
}  // namespace titan::uplink
