// Entries, their envelopes and the watermark's statement: proto/entry.proto.
#include <google/protobuf/io/coded_stream.h>

#include <optional>

#include "mesh/wire/convert.h"
#include "mesh/wire/parse.h"
#include "mesh/wire/wire_codec.h"
#include "proto/entry.pb.h"

namespace titan::mesh {
namespace {

namespace epb = titan::entry::v1;
using wire::Reader;

Bytes bytes_of(const JournalOpening& opening) {
  epb::JournalOpening message;
  epb::JournalOpening* const out = &message;
  wire::put(out->mutable_process(), opening.process);
  wire::put(out->mutable_device_public_key(), opening.device_public_key);
  for (const Bytes& certificate : opening.certificates) out->add_certificates(certificate);
  wire::put_optional(out->mutable_predecessor_journal(), opening.predecessor);
  out->set_predecessor_number(opening.predecessor_number);
  wire::put_optional(out->mutable_predecessor_hash(), opening.predecessor_hash);
  out->set_terminal(opening.terminal);
  wire::put(out->mutable_tenant_store(), opening.tenant_store);
  out->set_software_version(opening.software_version);
  wire::put(out->mutable_nonce(), opening.nonce);
  return message.SerializeAsString();
}

// Other bytes than those that the envelope's hash speaks of would be another journal's opening.
JournalOpening opening_from(Reader& reader, BytesView bytes, const OpeningHash& hash) {
  JournalOpening opening;
  wire::Parsed<epb::JournalOpening> message(bytes);
  if (!message.ok() || hash_of_opening(bytes) != hash) {
    reader.fail("opening", "is not the one that opening_hash speaks of");
    return opening;
  }
  epb::JournalOpening& in = *message;
  opening.process = reader.required<ProcessId>(in.process(), "opening.process");
  opening.device_public_key =
      reader.required<PublicKey>(in.device_public_key(), "opening.device_public_key");
  reader.within(in.certificates().size(), certificates_max, "opening.certificates");
  if (reader.failed()) return opening;
  for (Bytes& certificate : *in.mutable_certificates()) {
    opening.certificates.push_back(std::move(certificate));
  }
  opening.predecessor =
      reader.optional<JournalId>(in.predecessor_journal(), "opening.predecessor_journal");
  opening.predecessor_number = in.predecessor_number();
  opening.predecessor_hash =
      reader.optional<Hash>(in.predecessor_hash(), "opening.predecessor_hash");
  opening.terminal = std::move(*in.mutable_terminal());
  opening.tenant_store = reader.sized<Hash>(in.tenant_store(), "opening.tenant_store");
  opening.software_version = in.software_version();
  opening.nonce = reader.required<JournalNonce>(in.nonce(), "opening.nonce");
  return opening;
}

void to_wire(const Envelope& envelope, epb::Envelope* out) {
  wire::put(out->mutable_journal(), envelope.id.journal);
  out->set_number(envelope.id.number);
  wire::put_optional(out->mutable_previous_hash(), envelope.previous_hash);
  out->set_kind(static_cast<std::uint32_t>(envelope.kind));
  wire::put(out->mutable_device(), envelope.device);
  out->set_utc_ms(envelope.time.utc_ms);
  out->set_utc_offset_minutes(envelope.utc_offset_minutes);
  out->set_business_date(envelope.business_date);
  out->set_clock_quality(static_cast<epb::ClockQuality>(envelope.clock_quality));
  out->set_idempotency_key(envelope.idempotency_key);
  wire::put_optional(out->mutable_request_hash(), envelope.request_hash);
  wire::put_optional(out->mutable_claim(), envelope.claim);
  out->mutable_stock_effects()->Reserve(static_cast<int>(envelope.stock_effects.size()));
  for (const auto& effect : envelope.stock_effects) {
    epb::StockEffect* added = out->add_stock_effects();
    added->set_product(effect.product);
    added->set_added(effect.added);
    added->set_removed(effect.removed);
  }
  out->set_body(envelope.body);
  if (envelope.opening) out->set_opening(bytes_of(*envelope.opening));
  wire::put(out->mutable_opening_hash(), envelope.opening_hash);
  out->set_logical_clock(envelope.logical_clock);
  if (envelope.receipt) {
    out->mutable_receipt()->set_terminal(envelope.receipt->terminal);
    out->mutable_receipt()->set_number(envelope.receipt->number);
  }
}

// Strings are moved out of `in`.
Envelope envelope_from(Reader& reader, epb::Envelope& in) {
  Envelope envelope;
  envelope.id.journal = reader.required<JournalId>(in.journal(), "journal");
  envelope.id.number = in.number();
  envelope.previous_hash = reader.optional<Hash>(in.previous_hash(), "previous_hash");
  envelope.kind = static_cast<Kind>(in.kind());
  envelope.device = reader.required<DeviceId>(in.device(), "device");
  envelope.time.utc_ms = in.utc_ms();
  envelope.utc_offset_minutes = in.utc_offset_minutes();
  envelope.business_date = in.business_date();
  // A quality that only a newer version knows is passed on as a number: it decides nothing here.
  envelope.clock_quality = static_cast<ClockQuality>(in.clock_quality());
  envelope.idempotency_key = std::move(*in.mutable_idempotency_key());
  envelope.request_hash = reader.optional<Hash>(in.request_hash(), "request_hash");
  envelope.claim = reader.optional<Hash>(in.claim(), "claim");
  envelope.stock_effects.reserve(
      reader.within(in.stock_effects().size(), stock_effects_max, "stock_effects"));
  if (reader.failed()) return envelope;
  for (auto& effect : *in.mutable_stock_effects()) {
    envelope.stock_effects.push_back(
        {std::move(*effect.mutable_product()), effect.added(), effect.removed()});
  }
  envelope.body = std::move(*in.mutable_body());
  envelope.opening_hash = reader.required<OpeningHash>(in.opening_hash(), "opening_hash");
  if (!in.opening().empty()) {
    envelope.opening = opening_from(reader, in.opening(), envelope.opening_hash);
  }
  envelope.logical_clock = in.logical_clock();
  if (in.has_receipt()) {
    envelope.receipt =
        Receipt{std::move(*in.mutable_receipt()->mutable_terminal()), in.receipt().number()};
  }
  return envelope;
}

struct SignedParts {
  BytesView envelope;
  BytesView signature;
};

// A SignedEntry in the one form that encode_signed_entry() gives. The signature covers the envelope
// alone, the hash all bytes: if another form of the same two fields, or a third field, were taken,
// anyone could make a second entry with another hash out of one sale, and both would count.
std::optional<SignedParts> split_signed_entry(BytesView bytes) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  constexpr std::uint32_t envelope_tag = 1 << 3 | 2;
  constexpr std::uint32_t signature_tag = 2 << 3 | 2;
  constexpr std::size_t signature_field_size = 2 + Signature::size;
  std::uint32_t size = 0;
  if (input.ReadTag() != envelope_tag || !input.ReadVarint32(&size)) return std::nullopt;
  const auto header = static_cast<std::size_t>(input.CurrentPosition());
  const std::size_t shortest_header =
      1 + google::protobuf::io::CodedOutputStream::VarintSize32(size);
  if (header != shortest_header) return std::nullopt;
  if (bytes.size() != header + size + signature_field_size) return std::nullopt;
  const BytesView tail = bytes.substr(header + size);
  if (static_cast<unsigned char>(tail[0]) != signature_tag) return std::nullopt;
  if (static_cast<unsigned char>(tail[1]) != Signature::size) return std::nullopt;
  return SignedParts{bytes.substr(header, size), tail.substr(2)};
}

Error not_an_entry(const std::string& why) {
  return make_error(ErrorCode::corrupt, "these bytes are no entry: " + why, "entry");
}

}  // namespace

Bytes WireCodec::encode_opening(const JournalOpening& opening) const {
  return bytes_of(opening);
}

Bytes WireCodec::encode_envelope(const Envelope& envelope) const {
  google::protobuf::Arena arena;
  auto* message = google::protobuf::Arena::CreateMessage<epb::Envelope>(&arena);
  to_wire(envelope, message);
  return message->SerializeAsString();
}

Bytes WireCodec::encode_signed_entry(BytesView envelope_bytes, const Signature& signature) const {
  epb::SignedEntry message;
  message.mutable_envelope()->assign(envelope_bytes);
  wire::put(message.mutable_signature(), signature);
  return message.SerializeAsString();
}

Result<Entry> WireCodec::decode_entry(BytesView bytes) const {
  if (bytes.size() > entry_bytes_max) {
    return make_error(ErrorCode::too_large,
                      "an entry of " + std::to_string(bytes.size()) +
                          " bytes was refused, at most " + std::to_string(entry_bytes_max) +
                          " are allowed",
                      "entry");
  }
  const auto parts = split_signed_entry(bytes);
  if (!parts) return not_an_entry("they are not an envelope with its signature");
  wire::Parsed<epb::Envelope> envelope(parts->envelope);
  if (!envelope.ok()) return not_an_entry("the envelope cannot be read");

  Reader reader;
  Entry entry;
  entry.signature = *Signature::from_bytes(parts->signature);
  entry.envelope = envelope_from(reader, *envelope);
  entry.envelope_bytes.assign(parts->envelope);
  entry.bytes.assign(bytes);
  entry.hash = blake2b(bytes);
  return reader.finish(std::move(entry));
}

Bytes WireCodec::encode_watermark_statement(const WatermarkStatement& statement) const {
  wire::pb::WatermarkStatement message;
  message.set_epoch(statement.epoch);
  message.set_epoch_random(statement.epoch_random);
  message.set_sequence(statement.sequence);
  message.set_tenant(statement.tenant);
  message.set_store(statement.store);
  wire::put(message.mutable_root(), statement.root);
  message.set_entries(statement.entries);
  return message.SerializeAsString();
}

Result<WatermarkStatement> WireCodec::decode_watermark_statement(BytesView bytes) const {
  wire::Parsed<wire::pb::WatermarkStatement> message(bytes);
  if (!message.ok()) {
    return make_error(ErrorCode::corrupt, "the cloud's watermark cannot be read", "statement");
  }
  Reader reader;
  WatermarkStatement statement;
  statement.epoch = message->epoch();
  statement.epoch_random = message->epoch_random();
  statement.sequence = message->sequence();
  statement.tenant = message->tenant();
  statement.store = message->store();
  statement.root = reader.required<Hash>(message->root(), "root");
  statement.entries = message->entries();
  return reader.finish(std::move(statement));
}

}  // namespace titan::mesh
