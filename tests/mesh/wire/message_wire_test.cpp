#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>
#include <set>

#include "mesh/wire/wire_codec.h"
#include "proto/mesh.pb.h"
#include "tests/mesh/generators.h"
#include "tests/mesh/wire/same.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

namespace pb = titan::mesh::v1;
const WireCodec codec;

// ---- one of each message, with every field drawn ----------------------------------------------

election::Token draw_token(Random& random) {
  if (random.chance({1, 4})) return {};
  return {1 + random.below(election::term_max), ProcessId::draw(random)};
}

election::LeaderNews draw_news(Random& random) {
  election::LeaderNews news;
  news.token = draw_token(random);
  news.beat = draw_number(random);
  news.beat_age = Duration(static_cast<std::int64_t>(random.below(1ULL << 40)));
  news.holds_cloud_lease = random.chance({1, 2});
  news.view_size = static_cast<std::uint32_t>(draw_number(random));
  news.view_number = static_cast<std::uint32_t>(draw_number(random));
  news.view_is_whole = random.chance({1, 2});
  news.view.resize(random.below(5));
  for (auto& process : news.view) process = ProcessId::draw(random);
  return news;
}

std::vector<MemberUpdate> draw_updates(Random& random) {
  std::vector<MemberUpdate> updates(random.below(4));
  for (auto& update : updates) {
    update = {draw_member(random), static_cast<MemberState>(random.below(4)), draw_number(random)};
  }
  return updates;
}

std::vector<Bytes> draw_entry_bytes(Random& random) {
  std::vector<Bytes> entries(random.below(5));
  for (auto& entry : entries) entry = "e" + draw_bytes(random, 200);
  return entries;
}

template <class Id>
std::vector<Id> draw_ids(Random& random) {
  std::vector<Id> ids(random.below(5));
  for (auto& id : ids) id = Id::draw(random);
  return ids;
}

bool coin(Random& random) {
  return random.chance({1, 2});
}

std::uint64_t draw_term(Random& random) {
  return random.below(election::term_max);
}

election::Message draw_election_message(Random& random, std::uint64_t kind) {
  const auto answer = static_cast<election::VoteAnswer>(random.below(4));
  switch (kind) {
    case 0:
      return election::Beat{draw_news(random)};
    case 1:
      return election::PreVoteRequest{draw_number(random)};
    case 2:
      return election::PreVoteReply{draw_number(random), answer, draw_term(random),
                                    draw_news(random)};
    case 3:
      return election::VoteRequest{draw_term(random), draw_token(random)};
    case 4:
      return election::VoteReply{draw_term(random), answer, draw_term(random), draw_news(random)};
    case 5:
      return election::HandOver{draw_token(random),
                                static_cast<election::HandOverReason>(random.below(2))};
    default:
      return election::StepDown{draw_token(random),
                                static_cast<election::StepDownReason>(random.below(5)),
                                draw_token(random)};
  }
}

constexpr std::uint64_t message_kinds = 18;
constexpr std::uint64_t election_kinds = std::variant_size_v<election::Message>;
static_assert(std::variant_size_v<Message> == message_kinds + 1);
static_assert(election_kinds == 7);

crdt::JournalRange draw_range(Random& random) {
  return {draw_or_none<JournalId>(random), JournalId::draw(random)};
}
std::vector<DeviceRange> draw_ranges(Random& random) {
  std::vector<DeviceRange> ranges;
  for (const auto& device : draw_ids<DeviceId>(random)) {
    ranges.push_back({device, draw_range(random)});
  }
  return ranges;
}

Message draw_sync_message(Random& random, std::uint64_t kind) {
  switch (kind) {
    case 6:
      return SyncRoot{draw_content(random),
                      random.next(),
                      coin(random),
                      {draw_number(random), draw_number(random)}};
    case 7: {
      SyncDevices message{draw_content(random), {}};
      for (const auto& device : draw_ids<DeviceId>(random)) {
        message.devices.push_back({device, draw_content(random)});
      }
      return message;
    }
    case 8: {
      SyncItems message{draw_content(random), {}, draw_ranges(random)};
      for (const auto& key : draw_ids<PublicKey>(random)) {
        message.devices.push_back({key, draw_range(random), draw_items(random)});
      }
      return message;
    }
    case 9:
      return EntryRequest{draw_number(random),
                          JournalId::draw(random),
                          draw_intervals(random),
                          draw_number(random),
                          coin(random),
                          draw_ids<Hash>(random),
                          coin(random)};
    case 10:
      return Entries{draw_number(random), draw_entry_bytes(random), coin(random)};
    case 11:
      return HashListRequest{JournalId::draw(random), draw_number(random)};
    case 15: {
      SyncRanges message{draw_content(random), {}};
      for (const DeviceRange& range : draw_ranges(random)) {
        message.ranges.push_back({range, draw_content(random)});
      }
      return message;
    }
    default: {
      HashList message{JournalId::draw(random), {}, draw_number(random), draw_number(random)};
      for (const auto& hash : draw_ids<Hash>(random)) {
        message.entries.emplace_back(draw_number(random), hash);
      }
      return message;
    }
  }
}

std::vector<DeviceJournals> draw_journals(Random& random) {
  std::vector<DeviceJournals> devices;
  for (const auto& device : draw_ids<DeviceId>(random)) {
    devices.push_back({device, draw_items(random)});
  }
  return devices;
}

Message draw_watermark_message(Random& random, std::uint64_t kind) {
  const Watermark watermark{draw_bytes(random, 300), Signature::draw(random),
                            PublicKey::draw(random)};
  const auto first = static_cast<crdt::Bucket>(random.below(crdt::bucket_count));
  std::vector<crdt::Bucket> buckets;
  for (crdt::Bucket bucket = first; bucket < crdt::bucket_count; bucket += 1 + bucket) {
    buckets.push_back(bucket);
  }
  if (kind == 13)
    return WatermarkUpdate{watermark, draw_or_none<Hash>(random), draw_journals(random)};
  if (kind == 16) return WatermarkSlice{watermark, first, buckets, draw_journals(random), first};
  WatermarkRequest request{first, {}};
  for (const crdt::Bucket bucket : buckets) request.held.push_back({bucket, draw_number(random)});
  return request;
}

Message draw_message(Random& random, std::uint64_t kind) {
  const WallTime sent{static_cast<std::int64_t>(random.next())};
  switch (kind) {
    case 0:
      return Ping{draw_number(random), draw_updates(random), draw_news(random),
                  draw_or_none<ProcessId>(random), sent};
    case 1:
      return Ack{draw_number(random), draw_updates(random), draw_news(random),
                 draw_or_none<ProcessId>(random), sent};
    case 2:
      return PingRequest{draw_number(random), ProcessId::draw(random), draw_updates(random)};
    case 3:
      return Leave{draw_number(random)};
    case 4:
      return DirectMail{draw_entry_bytes(random)};
    case 5:
      return Have{draw_items(random)};
    case 13:
    case 16:
    case 17:
      return draw_watermark_message(random, kind);
    case 14:
      return Relay{ProcessId::draw(random), ProcessId::draw(random), draw_bytes(random, 300),
                   static_cast<std::uint32_t>(draw_number(random))};
    default:
      if (kind < message_kinds) return draw_sync_message(random, kind);
      return draw_election_message(random, kind - message_kinds);
  }
}

Message draw_any_message(Random& random) {
  return draw_message(random, random.below(message_kinds + election_kinds));
}

Result<Message> decode(const pb::Frame& frame) {
  return codec.decode_message(frame.SerializeAsString());
}

}  // namespace

TEST_CASE("Every message comes back field by field") {
  for (std::uint64_t kind = 0; kind < message_kinds + election_kinds; ++kind) {
    rc::prop("kind " + std::to_string(kind), [kind](std::uint64_t seed) {
      Random random(seed);
      const Message message = draw_message(random, kind);
      const Bytes frame = codec.encode_message(message);
      const Result<Message> read = codec.decode_message(frame);
      RC_ASSERT(read.has_value());
      RC_ASSERT(same(*read, message));
      RC_ASSERT(codec.encode_message(*read) == frame);
      pb::Frame parsed;
      RC_ASSERT(parsed.ParseFromString(frame));
      RC_ASSERT(parsed.protocol() == protocol_version);
    });
  }
}

TEST_CASE("The drawn messages cover every kind") {
  Random random(1);
  std::set<std::size_t> kinds;
  std::set<std::size_t> elections;
  for (std::uint64_t kind = 0; kind < message_kinds + election_kinds; ++kind) {
    const Message message = draw_message(random, kind);
    kinds.insert(message.index());
    if (const auto* election = std::get_if<election::Message>(&message)) {
      elections.insert(election->index());
    }
  }
  CHECK(kinds.size() == std::variant_size_v<Message>);
  CHECK(elections.size() == election_kinds);
}

TEST_CASE("Messages of all defaults come back where their ids may be none") {
  for (const Message& message :
       {Message(Ping{}), Message(Ack{}), Message(Leave{}), Message(DirectMail{}), Message(Have{}),
        Message(SyncRoot{}), Message(SyncDevices{}), Message(SyncItems{}), Message(Entries{}),
        Message(election::Message(election::Beat{}))}) {
    const auto read = codec.decode_message(codec.encode_message(message));
    REQUIRE(read.has_value());
    CHECK(same(*read, message));
  }
}

TEST_CASE("Rubbish is answered, never followed") {
  rc::prop("random bytes", [](std::uint64_t seed) {
    Random random(seed);
    const auto read = codec.decode_message(draw_bytes(random, 400));
    RC_ASSERT(read.has_value() || !read.error().message.empty());
  });
  rc::prop("a valid frame, cut", [](std::uint64_t seed) {
    Random random(seed);
    const Bytes frame = codec.encode_message(draw_any_message(random));
    const auto read = codec.decode_message(BytesView(frame).substr(0, random.below(frame.size())));
    RC_ASSERT(read.has_value() || !read.error().message.empty());
  });
  rc::prop("a valid frame with changed bytes", [](std::uint64_t seed) {
    Random random(seed);
    Bytes frame = codec.encode_message(draw_any_message(random));
    const auto changes = 1 + random.below(4);
    for (std::uint64_t i = 0; i < changes; ++i) {
      frame[random.below(frame.size())] = static_cast<char>(random.next());
    }
    const auto read = codec.decode_message(frame);
    if (!read) {
      RC_ASSERT(!read.error().message.empty());
      return;
    }
    // What is taken for valid can be passed on.
    RC_ASSERT(codec.decode_message(codec.encode_message(*read)).has_value());
  });
}

TEST_CASE("A frame over the limit is refused unread") {
  const auto read = codec.decode_message(Bytes(frame_bytes_max + 1, '\0'));
  REQUIRE(read.has_error());
  CHECK(read.error().code == ErrorCode::too_large);
}

TEST_CASE("What a newer version sends is unsupported, not corrupt") {
  pb::Frame frame;
  SECTION("a kind of message without a name here") {
    frame.set_protocol(2);
    frame.GetReflection()->MutableUnknownFields(&frame)->AddLengthDelimited(99, "new");
  }
  SECTION("an answer without a name here") {
    frame.mutable_vote_reply()->set_answer(77);
  }
  SECTION("a state without a name here") {
    auto* update = frame.mutable_ping_request()->add_updates();
    frame.mutable_ping_request()->set_target(std::string(16, 'p'));
    update->mutable_member()->set_process(std::string(16, 'p'));
    update->mutable_member()->set_device_public_key(std::string(32, 'k'));
    update->set_state(static_cast<pb::MemberState>(9));
  }
  SECTION("a hello, which is the transport's matter") {
    frame.mutable_hello_wanted();
  }
  const auto read = decode(frame);
  REQUIRE(read.has_error());
  CHECK(read.error().code == ErrorCode::unsupported);
}

TEST_CASE("A newer version's further fields are passed over") {
  Random random(3);
  const Message message = draw_message(random, 0);
  pb::Frame frame;
  REQUIRE(frame.ParseFromString(codec.encode_message(message)));
  frame.GetReflection()->MutableUnknownFields(&frame)->AddVarint(100, 7);
  auto* ping = frame.mutable_ping();
  ping->GetReflection()->MutableUnknownFields(ping)->AddLengthDelimited(50, "more");
  const auto read = decode(frame);
  REQUIRE(read.has_value());
  CHECK(same(*read, message));
}

TEST_CASE("A wrong size is named by its field") {
  pb::Frame frame;
  std::string field;
  SECTION("a process of 15 bytes") {
    frame.mutable_ping_request()->set_target(std::string(15, 'x'));
    field = "ping_request.target";
  }
  SECTION("a process of zeros") {
    frame.mutable_ping_request()->set_target(std::string(16, '\0'));
    field = "ping_request.target";
  }
  SECTION("a root of 17 bytes") {
    frame.mutable_sync_root()->set_root(std::string(17, 'x'));
    field = "sync_root.root";
  }
  SECTION("a signature of nothing") {
    auto* watermark = frame.mutable_watermark_update()->mutable_watermark();
    watermark->set_cloud_public_key(std::string(32, 'x'));
    field = "watermark.signature";
  }
  SECTION("an interval that runs backwards") {
    auto* request = frame.mutable_entry_request();
    request->set_journal(std::string(16, 'x'));
    request->add_numbers()->set_first(5);
    field = "interval";
  }
  SECTION("more hashes than numbers") {
    frame.mutable_hash_list()->set_journal(std::string(16, 'x'));
    frame.mutable_hash_list()->add_hashes(std::string(32, 'x'));
    field = "hash_list.hashes";
  }
  SECTION("a term without end") {
    frame.mutable_vote_request()->set_term(~0ULL);
    field = "vote_request.term";
  }
  SECTION("an entry without bytes") {
    frame.mutable_direct_mail()->add_entries();
    field = "entries";
  }
  const auto read = decode(frame);
  REQUIRE(read.has_error());
  CHECK(read.error().code == ErrorCode::corrupt);
  CHECK(read.error().field == field);
  CHECK(read.error().message.find(field) != std::string::npos);
}

TEST_CASE("Lists beyond their limit are refused") {
  pb::Frame frame;
  SECTION("a view") {
    for (int i = 0; i < 2000; ++i) {
      frame.mutable_beat()->mutable_leader()->add_view(std::string(16, 'x'));
    }
  }
  SECTION("updates") {
    for (int i = 0; i < 2000; ++i) frame.mutable_ping()->add_updates();
  }
  const auto read = decode(frame);
  REQUIRE(read.has_error());
  CHECK(read.error().code == ErrorCode::too_large);
}
