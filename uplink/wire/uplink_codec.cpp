#include "uplink/wire/uplink_codec.h"

#include "base/overloaded.h"
#include "mesh/wire/convert.h"
#include "mesh/wire/reader.h"
#include "proto/uplink.pb.h"

namespace titan::uplink {

namespace {

namespace pb = titan::uplink::v1;
using mesh::wire::put;
using mesh::wire::Reader;
using mesh::wire::to_wire;

// What a handshake's signature covers: everything that says who asks for what. How far the
// feeds are stored proves nothing.
Bytes signed_part(pb::DeviceHandshake handshake) {
  handshake.clear_feeds();
  handshake.clear_signature();
  return "titan-uplink-1" + handshake.SerializeAsString();
}

void put_items(const std::vector<mesh::JournalItem>& items,
               google::protobuf::RepeatedPtrField<titan::mesh::v1::JournalItem>* out) {
  out->Reserve(static_cast<int>(items.size()));
  for (const auto& item : items) to_wire(item, out->Add());
}

std::vector<mesh::JournalItem> items_from(
    Reader& reader, const google::protobuf::RepeatedPtrField<titan::mesh::v1::JournalItem>& in,
    std::size_t items_max, const char* field) {
  std::vector<mesh::JournalItem> items;
  const auto size = reader.within(static_cast<std::size_t>(in.size()), items_max, field);
  items.reserve(size);
  for (std::size_t i = 0; i < size && !reader.failed(); ++i) {
    items.push_back(mesh::wire::item_from(reader, in[static_cast<int>(i)]));
  }
  return items;
}

// `in` is our own parsed message: its strings may be taken.
std::vector<Bytes> take_entries(Reader& reader, google::protobuf::RepeatedPtrField<std::string>& in,
                                const char* field) {
  std::vector<Bytes> entries;
  const auto size = reader.within(static_cast<std::size_t>(in.size()), batch_entries_limit, field);
  entries.reserve(size);
  for (std::size_t i = 0; i < size; ++i) entries.push_back(std::move(in[static_cast<int>(i)]));
  return entries;
}

std::vector<PublicKey> keys_from(Reader& reader,
                                 const google::protobuf::RepeatedPtrField<std::string>& in) {
  std::vector<PublicKey> keys;
  reader.within(static_cast<std::size_t>(in.size()), device_keys_max, "device_public_keys");
  if (reader.failed()) return keys;
  for (const auto& key : in) {
    keys.push_back(reader.required<PublicKey>(key, "device_public_keys"));
  }
  return keys;
}

std::string text_from(Reader& reader, const std::string& text, const char* field) {
  reader.within(text.size(), text_bytes_max, field);
  return text;
}

// A reason for a person: cut rather than refused.
std::string shortened(const std::string& text) {
  return text.substr(0, text_bytes_max);
}

void fill(const Handshake& m, const KeyPair& key, pb::DeviceHandshake* out) {
  out->set_protocol(m.protocol);
  out->set_tenant(m.tenant);
  out->set_store(m.store);
  put(out->mutable_device_public_key(), m.device_key);
  to_wire(m.token, out->mutable_token());
  out->set_schema_version(m.schema_version);
  put_items(m.feeds, out->mutable_feeds());
  out->set_terminal(m.terminal);
  out->set_access_key(m.access_key);
  out->set_utc_ms(m.sent.utc_ms);
  mesh::wire::put_optional(out->mutable_nonce(), m.nonce);
  put(out->mutable_signature(), sign(key, signed_part(*out)));
}

void fill(const EntriesWanted& m, pb::EntriesWanted* out) {
  out->set_request(m.request);
  out->set_bytes_max(m.bytes_max);
  for (const auto& wanted : m.wanted) {
    auto* item = out->add_wanted();
    put(item->mutable_journal(), wanted.journal);
    mesh::wire::intervals_to_wire(wanted.numbers, item->mutable_stored());
    mesh::wire::put_content(item->mutable_content(), {});
  }
}

void fill(const HandshakeAccepted& m, pb::HandshakeAccepted* out) {
  to_wire(m.watermark, out->mutable_watermark());
  out->set_feed_number(m.feed_number);
  put(out->mutable_feed_journal(), m.feed_journal);
  put(out->mutable_cloud_public_key(), m.cloud_key);
  out->set_batch_entries_max(m.batch_entries_max);
  out->set_batch_bytes_max(m.batch_bytes_max);
  out->set_window_batches(m.window_batches);
  out->set_lease_ms(m.lease_ms);
}

void fill(const HandshakeRefused& m, pb::HandshakeRefused* out) {
  out->set_code(static_cast<std::uint32_t>(m.code));
  out->set_reason(shortened(m.reason));
  if (!m.holder.is_none()) to_wire(m.holder, out->mutable_holder());
  out->set_holder_gone(m.holder_gone);
  out->set_retry_after_ms(m.retry_after_ms);
}

void fill(const BatchAck& m, pb::SyncAck* out) {
  out->set_sequence(m.sequence);
  out->set_accepted(m.accepted);
  if (!m.token.is_none()) to_wire(m.token, out->mutable_token());
  for (const auto& failure : m.failures) {
    auto* added = out->add_failures();
    added->set_index(failure.index);
    added->set_retryable(failure.retryable);
    added->set_quarantined(failure.quarantined);
    added->set_reason(shortened(failure.reason));
  }
}

Handshake handshake_from(Reader& reader, const pb::DeviceHandshake& in) {
  Handshake m;
  m.protocol = in.protocol();
  m.tenant = text_from(reader, in.tenant(), "tenant");
  m.store = text_from(reader, in.store(), "store");
  m.device_key = reader.required<PublicKey>(in.device_public_key(), "device_public_key");
  m.token = mesh::wire::token_from(reader, in.token());
  m.schema_version = in.schema_version();
  m.feeds = items_from(reader, in.feeds(), feeds_max, "feeds");
  m.terminal = text_from(reader, in.terminal(), "terminal");
  m.access_key = text_from(reader, in.access_key(), "access_key");
  m.sent.utc_ms = in.utc_ms();
  m.nonce = reader.optional<Nonce>(in.nonce(), "nonce");
  const auto signature = reader.sized<Signature>(in.signature(), "signature");
  if (reader.failed()) return m;
  if (m.token.is_none()) reader.fail("token", "is missing");
  if (!verify(m.device_key, signed_part(in), signature)) {
    reader.fail("signature", "is not the named device's", ErrorCode::refused);
  }
  return m;
}

EntriesWanted wanted_from(Reader& reader, const pb::EntriesWanted& in) {
  EntriesWanted m;
  m.request = in.request();
  m.bytes_max = in.bytes_max();
  for (auto& item : items_from(reader, in.wanted(), wanted_max, "wanted")) {
    m.wanted.push_back({item.journal, std::move(item.item.stored)});
  }
  return m;
}

HandshakeAccepted accepted_from(Reader& reader, const pb::HandshakeAccepted& in) {
  HandshakeAccepted m;
  m.watermark = mesh::wire::watermark_from(reader, in.watermark());
  m.feed_number = in.feed_number();
  m.feed_journal = reader.required<JournalId>(in.feed_journal(), "feed_journal");
  m.cloud_key = reader.required<PublicKey>(in.cloud_public_key(), "cloud_public_key");
  m.batch_entries_max = in.batch_entries_max();
  m.batch_bytes_max = in.batch_bytes_max();
  m.window_batches = in.window_batches();
  m.lease_ms = in.lease_ms();
  return m;
}

HandshakeRefused refused_from(Reader& reader, const pb::HandshakeRefused& in) {
  HandshakeRefused m;
  m.code = reader.choice(in.code(), RefusalCode::signature, "code");
  m.reason = text_from(reader, in.reason(), "reason");
  m.holder = mesh::wire::token_from(reader, in.holder());
  m.holder_gone = in.holder_gone();
  m.retry_after_ms = in.retry_after_ms();
  return m;
}

BatchAck ack_from(Reader& reader, const pb::SyncAck& in) {
  BatchAck m;
  m.sequence = in.sequence();
  m.accepted = in.accepted();
  m.token = mesh::wire::token_from(reader, in.token());
  reader.within(static_cast<std::size_t>(in.failures_size()), batch_entries_limit, "failures");
  if (reader.failed()) return m;
  for (const auto& failure : in.failures()) {
    m.failures.push_back({failure.index(), failure.retryable(), failure.quarantined(),
                          text_from(reader, failure.reason(), "failures.reason")});
  }
  return m;
}

ServerPush push_from(Reader& reader, pb::ServerPush& in) {
  ServerPush m;
  m.feed_entries = take_entries(reader, *in.mutable_feed_entries(), "feed_entries");
  if (in.has_watermark()) {
    m.watermark = mesh::wire::watermark_update_from(reader, in.watermark());
  }
  return m;
}

LostEntries lost_from(Reader& reader, pb::LostEntries& in) {
  LostEntries m;
  m.request = in.request();
  m.entries = take_entries(reader, *in.mutable_entries(), "entries");
  m.last = in.last();
  m.device_keys = keys_from(reader, in.device_public_keys());
  return m;
}

Closing closing_from(Reader& reader, const pb::Closing& in) {
  Closing m;
  m.code = reader.choice(in.code(), ClosingCode::shutting_down, "code");
  m.reason = text_from(reader, in.reason(), "reason");
  m.holder = mesh::wire::token_from(reader, in.holder());
  return m;
}

template <class Message>
Message parse_failed(Reader& reader) {
  reader.fail("message", "is not a message of the uplink");
  return {};
}

}  // namespace

Bytes encode(const ToCloud& message, const KeyPair& device_key) {
  pb::ToCloud out;
  std::visit(
      Overloaded{
          [&](const Handshake& m) { fill(m, device_key, out.mutable_handshake()); },
          [&](const Batch& m) {
            auto* batch = out.mutable_batch();
            batch->set_sequence(m.sequence);
            for (const auto& entry : m.entries) batch->add_entries(entry);
            for (const auto& key : m.device_keys) put(batch->add_device_public_keys(), key);
          },
          [&](const LeaseRenewal& m) {
            auto* renewal = out.mutable_renewal();
            renewal->set_sequence(m.sequence);
            renewal->set_pending_entries(m.pending_entries);
            renewal->set_view_size(m.view_size);
          },
          [&](const EntriesWanted& m) { fill(m, out.mutable_entries_wanted()); },
          [&](const FeedProgress& m) {
            auto* progress = out.mutable_feed_progress();
            progress->set_number(m.number);
            put(progress->mutable_feed_journal(), m.feed_journal);
          },
          [&](const mesh::WatermarkRequest& m) { to_wire(m, out.mutable_watermark_request()); },
      },
      message);
  return out.SerializeAsString();
}

Bytes encode(const ToStore& message) {
  pb::ToStore out;
  std::visit(
      Overloaded{
          [&](const HandshakeAccepted& m) { fill(m, out.mutable_accepted()); },
          [&](const HandshakeRefused& m) { fill(m, out.mutable_refused()); },
          [&](const BatchAck& m) { fill(m, out.mutable_ack()); },
          [&](const ServerPush& m) {
            auto* push = out.mutable_push();
            for (const auto& entry : m.feed_entries) push->add_feed_entries(entry);
            if (m.watermark) to_wire(*m.watermark, push->mutable_watermark());
          },
          [&](const LeaseRenewed& m) { out.mutable_renewed()->set_sequence(m.sequence); },
          [&](const Challenge& m) { put(out.mutable_challenge()->mutable_nonce(), m.nonce); },
          [&](const LostEntries& m) {
            auto* lost = out.mutable_entries();
            lost->set_request(m.request);
            lost->set_last(m.last);
            for (const auto& entry : m.entries) lost->add_entries(entry);
            for (const auto& key : m.device_keys) put(lost->add_device_public_keys(), key);
          },
          [&](const Closing& m) {
            auto* closing = out.mutable_closing();
            closing->set_code(static_cast<std::uint32_t>(m.code));
            closing->set_reason(shortened(m.reason));
            if (!m.holder.is_none()) to_wire(m.holder, closing->mutable_holder());
          },
          [&](const mesh::WatermarkSlice& m) { to_wire(m, out.mutable_watermark_slice()); },
      },
      message);
  return out.SerializeAsString();
}

Result<ToCloud> decode_to_cloud(BytesView bytes) {
  pb::ToCloud in;
  Reader reader;
  if (bytes.size() > message_bytes_max ||
      !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return reader.finish(parse_failed<ToCloud>(reader));
  }
  switch (in.message_case()) {
    case pb::ToCloud::kHandshake:
      return reader.finish(ToCloud(handshake_from(reader, in.handshake())));
    case pb::ToCloud::kBatch: {
      Batch batch;
      batch.sequence = in.batch().sequence();
      batch.entries = take_entries(reader, *in.mutable_batch()->mutable_entries(), "entries");
      batch.device_keys = keys_from(reader, in.batch().device_public_keys());
      return reader.finish(ToCloud(std::move(batch)));
    }
    case pb::ToCloud::kRenewal:
      return ToCloud(LeaseRenewal{in.renewal().sequence(), in.renewal().pending_entries(),
                                  in.renewal().view_size()});
    case pb::ToCloud::kEntriesWanted:
      return reader.finish(ToCloud(wanted_from(reader, in.entries_wanted())));
    case pb::ToCloud::kFeedProgress: {
      const auto journal =
          reader.required<JournalId>(in.feed_progress().feed_journal(), "feed_journal");
      return reader.finish(ToCloud(FeedProgress{journal, in.feed_progress().number()}));
    }
    case pb::ToCloud::kWatermarkRequest:
      return reader.finish(
          ToCloud(mesh::wire::watermark_request_from(reader, in.watermark_request())));
    case pb::ToCloud::MESSAGE_NOT_SET:
      break;
  }
  return make_error(ErrorCode::unsupported, "a message of a kind this version does not know");
}

Result<ToStore> decode_to_store(BytesView bytes) {
  pb::ToStore in;
  Reader reader;
  if (bytes.size() > message_bytes_max ||
      !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return reader.finish(parse_failed<ToStore>(reader));
  }
  switch (in.message_case()) {
    case pb::ToStore::kAccepted:
      return reader.finish(ToStore(accepted_from(reader, in.accepted())));
    case pb::ToStore::kRefused:
      return reader.finish(ToStore(refused_from(reader, in.refused())));
    case pb::ToStore::kAck:
      return reader.finish(ToStore(ack_from(reader, in.ack())));
    case pb::ToStore::kPush:
      return reader.finish(ToStore(push_from(reader, *in.mutable_push())));
    case pb::ToStore::kRenewed:
      return ToStore(LeaseRenewed{in.renewed().sequence()});
    case pb::ToStore::kEntries:
      return reader.finish(ToStore(lost_from(reader, *in.mutable_entries())));
    case pb::ToStore::kClosing:
      return reader.finish(ToStore(closing_from(reader, in.closing())));
    case pb::ToStore::kChallenge:
      return reader.finish(
          ToStore(Challenge{reader.required<Nonce>(in.challenge().nonce(), "nonce")}));
    case pb::ToStore::kWatermarkSlice:
      return reader.finish(ToStore(mesh::wire::watermark_slice_from(reader, in.watermark_slice())));
    case pb::ToStore::MESSAGE_NOT_SET:
      break;
  }
  return make_error(ErrorCode::unsupported, "a message of a kind this version does not know");
}

}  // namespace titan::uplink
