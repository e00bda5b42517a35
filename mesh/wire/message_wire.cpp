#include "mesh/wire/message_wire.h"

#include "mesh/wire/convert.h"

namespace titan::mesh::wire {
namespace {

using Updates = google::protobuf::RepeatedPtrField<pb::MemberUpdate>;
using Items = google::protobuf::RepeatedPtrField<pb::JournalItem>;
using ByteFields = google::protobuf::RepeatedPtrField<std::string>;

// ---- into a frame ----------------------------------------------------------------------------

void put_updates(const std::vector<MemberUpdate>& updates, Updates* out) {
  for (const auto& update : updates) to_wire(update, out->Add());
}
void put_items(const std::vector<JournalItem>& items, Items* out) {
  out->Reserve(static_cast<int>(items.size()));
  for (const auto& item : items) to_wire(item, out->Add());
}
void put_bytes(const std::vector<Bytes>& values, ByteFields* out) {
  out->Reserve(static_cast<int>(values.size()));
  for (const Bytes& value : values) out->Add()->assign(value);
}
template <class Id>
void put_ids(const std::vector<Id>& ids, ByteFields* out) {
  out->Reserve(static_cast<int>(ids.size()));
  for (const Id& id : ids) put(out->Add(), id);
}

void put_message(const Ping& message, pb::Frame* frame) {
  pb::Ping* out = frame->mutable_ping();
  out->set_sequence(message.sequence);
  put_updates(message.updates, out->mutable_updates());
  to_wire(message.leader, out->mutable_leader());
  put_optional(out->mutable_on_behalf_of(), message.on_behalf_of);
  out->set_utc_ms(message.sent.utc_ms);
}
void put_message(const Ack& message, pb::Frame* frame) {
  pb::Ack* out = frame->mutable_ack();
  out->set_sequence(message.sequence);
  put_updates(message.updates, out->mutable_updates());
  to_wire(message.leader, out->mutable_leader());
  put_optional(out->mutable_about(), message.about);
  out->set_utc_ms(message.sent.utc_ms);
}
void put_message(const PingRequest& message, pb::Frame* frame) {
  pb::PingRequest* out = frame->mutable_ping_request();
  out->set_sequence(message.sequence);
  put(out->mutable_target(), message.target);
  put_updates(message.updates, out->mutable_updates());
}
void put_message(const Leave& message, pb::Frame* frame) {
  frame->mutable_leave()->set_incarnation(message.incarnation);
}
void put_message(const DirectMail& message, pb::Frame* frame) {
  put_bytes(message.entries, frame->mutable_direct_mail()->mutable_entries());
}
void put_message(const Have& message, pb::Frame* frame) {
  put_items(message.journals, frame->mutable_have()->mutable_journals());
}
void put_message(const SyncRoot& message, pb::Frame* frame) {
  pb::SyncRoot* out = frame->mutable_sync_root();
  put_content(out->mutable_root(), message.root);
  out->set_stock_digest(message.stock_digest);
  out->set_is_reply(message.is_reply);
  out->set_watermark_sequence(message.watermark.sequence);
  out->set_watermark_epoch(message.watermark.epoch);
}
void put_message(const SyncDevices& message, pb::Frame* frame) {
  pb::SyncDevices* out = frame->mutable_sync_devices();
  put_content(out->mutable_root(), message.root);
  for (const auto& digest : message.devices) {
    pb::DeviceDigest* added = out->add_devices();
    put(added->mutable_device(), digest.device);
    put_content(added->mutable_digest(), digest.digest);
  }
}
void put_range(const crdt::JournalRange& range, pb::JournalRange* out) {
  put_optional(out->mutable_after(), range.after);
  put(out->mutable_last(), range.last);
}
void put_range(const DeviceRange& range, pb::DeviceRange* out) {
  put(out->mutable_device(), range.device);
  put_range(range.range, out->mutable_range());
}
void put_message(const SyncRanges& message, pb::Frame* frame) {
  pb::SyncRanges* out = frame->mutable_sync_ranges();
  put_content(out->mutable_root(), message.root);
  for (const auto& range : message.ranges) {
    pb::RangeDigest* added = out->add_ranges();
    put_range(range.range, added->mutable_range());
    put_content(added->mutable_digest(), range.digest);
  }
}
void put_message(const SyncItems& message, pb::Frame* frame) {
  pb::SyncItems* out = frame->mutable_sync_items();
  put_content(out->mutable_root(), message.root);
  for (const auto& items : message.devices) {
    pb::DeviceItems* added = out->add_devices();
    put(added->mutable_device_public_key(), items.device_key);
    put_range(items.range, added->mutable_range());
    put_items(items.journals, added->mutable_journals());
  }
  for (const auto& range : message.asked) put_range(range, out->add_asked());
}
void put_message(const EntryRequest& message, pb::Frame* frame) {
  pb::EntryRequest* out = frame->mutable_entry_request();
  out->set_request(message.request);
  put(out->mutable_journal(), message.journal);
  intervals_to_wire(message.numbers, out->mutable_numbers());
  out->set_bytes_max(message.bytes_max);
  out->set_newest_first(message.newest_first);
  put_ids(message.hashes, out->mutable_hashes());
  out->set_state_only(message.state_only);
}
void put_message(const Entries& message, pb::Frame* frame) {
  pb::Entries* out = frame->mutable_entries();
  out->set_request(message.request);
  put_bytes(message.entries, out->mutable_entries());
  out->set_last(message.last);
}
void put_message(const HashListRequest& message, pb::Frame* frame) {
  pb::HashListRequest* out = frame->mutable_hash_list_request();
  put(out->mutable_journal(), message.journal);
  out->set_first(message.first);
}
void put_message(const HashList& message, pb::Frame* frame) {
  pb::HashList* out = frame->mutable_hash_list();
  put(out->mutable_journal(), message.journal);
  for (const auto& [number, hash] : message.entries) {
    out->add_numbers(number);
    put(out->add_hashes(), hash);
  }
  out->set_first(message.first);
  out->set_next(message.next);
}
void put_message(const WatermarkUpdate& message, pb::Frame* frame) {
  to_wire(message, frame->mutable_watermark_update());
}
void put_message(const WatermarkRequest& message, pb::Frame* frame) {
  to_wire(message, frame->mutable_watermark_request());
}
void put_message(const WatermarkSlice& message, pb::Frame* frame) {
  to_wire(message, frame->mutable_watermark_slice());
}
void put_message(const Relay& message, pb::Frame* frame) {
  pb::Relay* out = frame->mutable_relay();
  put(out->mutable_to(), message.to);
  put(out->mutable_from(), message.from);
  out->set_frame(message.frame);
  out->set_hops_left(message.hops_left);
}
void put_message(const election::Message& message, pb::Frame* frame) {
  to_frame(message, frame);
}

// ---- out of a frame --------------------------------------------------------------------------
// Every loop stops at the first fault: rubbish costs no more than the space it takes.

std::vector<MemberUpdate> updates_from(Reader& reader, const Updates& in) {
  std::vector<MemberUpdate> updates;
  updates.reserve(reader.within(in.size(), member_updates_max, "updates"));
  for (const auto& update : in) {
    if (reader.failed()) break;
    updates.push_back(update_from(reader, update));
  }
  return updates;
}
std::vector<JournalItem> items_from(Reader& reader, const Items& in) {
  std::vector<JournalItem> items;
  for (const auto& item : in) {
    if (reader.failed()) break;
    items.push_back(item_from(reader, item));
  }
  return items;
}
std::vector<Bytes> entries_from(Reader& reader, ByteFields* in) {
  std::vector<Bytes> entries;
  for (std::string& bytes : *in) {
    if (bytes.empty()) reader.fail("entries", "lists an entry without bytes");
    if (reader.failed()) break;
    entries.push_back(std::move(bytes));
  }
  return entries;
}
template <class Id>
std::vector<Id> ids_from(Reader& reader, const ByteFields& in, const char* field) {
  std::vector<Id> ids;
  for (const std::string& bytes : in) {
    if (reader.failed()) break;
    ids.push_back(reader.required<Id>(bytes, field));
  }
  return ids;
}

Ping ping_from(Reader& reader, const pb::Ping& in) {
  return {.sequence = in.sequence(),
          .updates = updates_from(reader, in.updates()),
          .leader = news_from(reader, in.leader()),
          .on_behalf_of = reader.optional<ProcessId>(in.on_behalf_of(), "ping.on_behalf_of"),
          .sent = {in.utc_ms()}};
}
Ack ack_from(Reader& reader, const pb::Ack& in) {
  return {.sequence = in.sequence(),
          .updates = updates_from(reader, in.updates()),
          .leader = news_from(reader, in.leader()),
          .about = reader.optional<ProcessId>(in.about(), "ack.about"),
          .sent = {in.utc_ms()}};
}
PingRequest ping_request_from(Reader& reader, const pb::PingRequest& in) {
  return {.sequence = in.sequence(),
          .target = reader.required<ProcessId>(in.target(), "ping_request.target"),
          .updates = updates_from(reader, in.updates())};
}
SyncRoot sync_root_from(Reader& reader, const pb::SyncRoot& in) {
  return {.root = reader.content(in.root(), "sync_root.root"),
          .stock_digest = in.stock_digest(),
          .is_reply = in.is_reply(),
          .watermark = {in.watermark_epoch(), in.watermark_sequence()}};
}
SyncDevices sync_devices_from(Reader& reader, const pb::SyncDevices& in) {
  SyncDevices message{.root = reader.content(in.root(), "sync_devices.root"), .devices = {}};
  for (const auto& digest : in.devices()) {
    if (reader.failed()) break;
    message.devices.push_back({reader.required<DeviceId>(digest.device(), "device_digest.device"),
                               reader.content(digest.digest(), "device_digest.digest")});
  }
  return message;
}
crdt::JournalRange range_from(Reader& reader, const pb::JournalRange& in) {
  return {reader.optional<JournalId>(in.after(), "journal_range.after"),
          reader.required<JournalId>(in.last(), "journal_range.last")};
}
DeviceRange range_from(Reader& reader, const pb::DeviceRange& in) {
  return {reader.required<DeviceId>(in.device(), "device_range.device"),
          range_from(reader, in.range())};
}
SyncRanges sync_ranges_from(Reader& reader, const pb::SyncRanges& in) {
  SyncRanges message;
  message.root = reader.content(in.root(), "sync_ranges.root");
  for (const auto& range : in.ranges()) {
    if (reader.failed()) break;
    message.ranges.push_back(
        {range_from(reader, range.range()), reader.content(range.digest(), "range_digest.digest")});
  }
  return message;
}
SyncItems sync_items_from(Reader& reader, const pb::SyncItems& in) {
  SyncItems message;
  message.root = reader.content(in.root(), "sync_items.root");
  for (const auto& items : in.devices()) {
    if (reader.failed()) break;
    message.devices.push_back(
        {reader.required<PublicKey>(items.device_public_key(), "device_items.device_public_key"),
         range_from(reader, items.range()), items_from(reader, items.journals())});
  }
  for (const auto& range : in.asked()) {
    if (reader.failed()) break;
    message.asked.push_back(range_from(reader, range));
  }
  return message;
}
EntryRequest entry_request_from(Reader& reader, const pb::EntryRequest& in) {
  return {.request = in.request(),
          .journal = reader.required<JournalId>(in.journal(), "entry_request.journal"),
          .numbers = intervals_from(reader, in.numbers()),
          .bytes_max = in.bytes_max(),
          .newest_first = in.newest_first(),
          .hashes = ids_from<Hash>(reader, in.hashes(), "entry_request.hashes"),
          .state_only = in.state_only()};
}
HashList hash_list_from(Reader& reader, const pb::HashList& in) {
  HashList message;
  message.journal = reader.required<JournalId>(in.journal(), "hash_list.journal");
  if (in.numbers().size() != in.hashes().size()) {
    reader.fail("hash_list.hashes", "are not as many as the numbers beside them");
  }
  for (int i = 0; i < in.numbers().size() && !reader.failed(); ++i) {
    message.entries.emplace_back(in.numbers(i),
                                 reader.required<Hash>(in.hashes(i), "hash_list.hashes"));
  }
  message.first = in.first();
  message.next = in.next();
  return message;
}
Relay relay_from(Reader& reader, pb::Relay& in) {
  return {.to = reader.required<ProcessId>(in.to(), "relay.to"),
          .from = reader.required<ProcessId>(in.from(), "relay.from"),
          .frame = std::move(*in.mutable_frame()),
          .hops_left = in.hops_left()};
}

}  // namespace

void to_frame(const Message& message, pb::Frame* out) {
  std::visit([out](const auto& one) { put_message(one, out); }, message);
}

Message message_from(Reader& reader, pb::Frame& in) {
  switch (in.message_case()) {
    case pb::Frame::kPing:
      return ping_from(reader, in.ping());
    case pb::Frame::kAck:
      return ack_from(reader, in.ack());
    case pb::Frame::kPingRequest:
      return ping_request_from(reader, in.ping_request());
    case pb::Frame::kLeave:
      return Leave{in.leave().incarnation()};
    case pb::Frame::kDirectMail:
      return DirectMail{entries_from(reader, in.mutable_direct_mail()->mutable_entries())};
    case pb::Frame::kHave:
      return Have{items_from(reader, in.have().journals())};
    case pb::Frame::kSyncRoot:
      return sync_root_from(reader, in.sync_root());
    case pb::Frame::kSyncDevices:
      return sync_devices_from(reader, in.sync_devices());
    case pb::Frame::kSyncRanges:
      return sync_ranges_from(reader, in.sync_ranges());
    case pb::Frame::kSyncItems:
      return sync_items_from(reader, in.sync_items());
    case pb::Frame::kEntryRequest:
      return entry_request_from(reader, in.entry_request());
    case pb::Frame::kEntries:
      return Entries{in.entries().request(),
                     entries_from(reader, in.mutable_entries()->mutable_entries()),
                     in.entries().last()};
    case pb::Frame::kWatermarkUpdate:
      return watermark_update_from(reader, in.watermark_update());
    case pb::Frame::kWatermarkRequest:
      return watermark_request_from(reader, in.watermark_request());
    case pb::Frame::kWatermarkSlice:
      return watermark_slice_from(reader, in.watermark_slice());
    case pb::Frame::kHashListRequest:
      return HashListRequest{
          reader.required<JournalId>(in.hash_list_request().journal(), "hash_list_request.journal"),
          in.hash_list_request().first()};
    case pb::Frame::kHashList:
      return hash_list_from(reader, in.hash_list());
    case pb::Frame::kRelay:
      return relay_from(reader, *in.mutable_relay());
    default:
      return election_message_from(reader, in);
  }
}

}  // namespace titan::mesh::wire
