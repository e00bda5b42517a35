#include "mesh/journal/journal_writer.h"

#include <algorithm>

#include "mesh/journal/idempotency.h"

namespace titan::mesh {
namespace {

// A link to a predecessor is whole or absent: half of one would make the opening unreadable.
JournalTail whole_or_none(JournalTail tail) {
  const bool is_whole = !tail.journal.is_none() && tail.number > 0 && !tail.hash.is_none();
  return is_whole ? tail : JournalTail{};
}

}  // namespace

JournalWriter::JournalWriter(const Codec& codec, KeyPair key, ProcessId process,
                             JournalWriterConfig config, JournalTail predecessor,
                             std::uint64_t last_receipt_number, std::uint64_t logical_clock,
                             Random& random)
    : codec_(codec),
      random_(random),
      key_(key),
      device_(device_of(key.public_key)),
      process_(process),
      config_(std::move(config)),
      predecessor_(whole_or_none(predecessor)),
      last_receipt_number_(last_receipt_number) {
  observe_logical_clock(logical_clock);
}

Result<std::shared_ptr<const Entry>> JournalWriter::write(const EntryDraft& draft) {
  auto entry = std::make_shared<Entry>();
  entry->envelope = envelope_for(draft);
  if (Status checked = check_envelope(entry->envelope); !checked) return checked.error();
  entry->envelope_bytes = codec_.encode_envelope(entry->envelope);
  entry->signature = sign(key_, signed_part(entry->envelope_bytes));
  entry->bytes = codec_.encode_signed_entry(entry->envelope_bytes, entry->signature);
  if (entry->bytes.size() > entry_bytes_max) {
    return make_error(ErrorCode::too_large,
                      "the record needs " + std::to_string(entry->bytes.size()) +
                          " bytes, at most " + std::to_string(entry_bytes_max) +
                          " are allowed; split it");
  }
  entry->hash = blake2b(entry->bytes);

  const Envelope& envelope = entry->envelope;
  tail_ = {envelope.id.journal, envelope.id.number, entry->hash};
  opening_hash_ = envelope.opening_hash;
  last_time_ = envelope.time;
  last_utc_offset_minutes_ = envelope.utc_offset_minutes;
  // A stated date is the screen's affair: the next sale without one is not booked there, too.
  if (envelope.time == draft.time) last_date_ = std::max(last_date_, draft.business_date);
  logical_clock_ = envelope.logical_clock;
  if (envelope.receipt) {
    last_receipt_number_ = envelope.receipt->number;
    series_begun_ = true;
  }
  return std::shared_ptr<const Entry>(std::move(entry));
}

Envelope JournalWriter::envelope_for(const EntryDraft& draft) {
  Envelope envelope;
  if (is_open()) {
    envelope.id = {tail_.journal, tail_.number + 1};
    envelope.previous_hash = tail_.hash;
    envelope.opening_hash = opening_hash_;
  } else {
    if (next_nonce_.is_none()) next_nonce_ = JournalNonce::draw(random_);
    envelope.opening = opening(next_nonce_);
    envelope.opening_hash = hash_of_opening(codec_.encode_opening(*envelope.opening));
    envelope.id = {
        journal_name(config_.tenant_store, device_, key_.public_key, envelope.opening_hash), 1};
  }
  envelope.kind = draft.kind;
  envelope.device = device_;
  envelope.time = draft.time;
  envelope.utc_offset_minutes = draft.utc_offset_minutes;
  envelope.business_date = draft.business_date;
  envelope.clock_quality = draft.clock_quality;
  if (is_open()) hold(envelope);
  if (draft.stated_business_date != 0) envelope.business_date = draft.stated_business_date;
  envelope.idempotency_key = draft.idempotency_key;
  envelope.request_hash = draft.request_hash;
  envelope.claim = draft.claim;
  if (draft.claim.is_none() && !draft.idempotency_key.empty()) {
    envelope.claim = request_claim(device_, draft.request_hash, draft.idempotency_key);
  }
  envelope.stock_effects = draft.stock_effects;
  envelope.body = draft.body;
  envelope.logical_clock = next_logical_clock(envelope.time);
  if (draft.wants_receipt) envelope.receipt = Receipt{config_.terminal, last_receipt_number_ + 1};
  return envelope;
}

// A clock that goes back takes neither time nor date with it: the sale is counted on the day of the
// time that it bears. A day can go back by itself where the calendar is set to another zone.
void JournalWriter::hold(Envelope& envelope) const {
  const bool goes_back = envelope.time < last_time_;
  if (!goes_back && envelope.business_date >= last_date_) return;
  if (envelope.clock_quality != ClockQuality::implausible) {
    envelope.clock_quality = ClockQuality::held;
  }
  envelope.business_date = std::max(envelope.business_date, last_date_);
  if (!goes_back) return;
  envelope.time = last_time_;
  envelope.utc_offset_minutes = last_utc_offset_minutes_;
  if (last_date_ != 0) envelope.business_date = last_date_;
}

JournalOpening JournalWriter::opening(const JournalNonce& nonce) const {
  JournalOpening opening;
  opening.process = process_;
  opening.device_public_key = key_.public_key;
  opening.certificates = config_.certificates;
  opening.predecessor = predecessor_.journal;
  opening.predecessor_number = predecessor_.number;
  opening.predecessor_hash = predecessor_.hash;
  opening.terminal = config_.terminal;
  opening.tenant_store = config_.tenant_store;
  opening.software_version = config_.software_version;
  opening.nonce = nonce;
  return opening;
}

// Hybrid logical clock (Kulkarni et al. 2014): milliseconds in the upper 48 bits, a counter below,
// in one number that ascends.
std::uint64_t JournalWriter::next_logical_clock(WallTime time) const {
  const auto ms_max = static_cast<std::int64_t>(logical_clock_wall_ms_max);
  const auto ms = static_cast<std::uint64_t>(std::clamp<std::int64_t>(time.utc_ms, 0, ms_max));
  return std::min(std::max(ms << 16, logical_clock_ + 1), logical_clock_max);
}

void JournalWriter::start_new_journal(JournalTail predecessor, std::uint64_t last_receipt_number) {
  predecessor_ = whole_or_none(predecessor);
  tail_ = {};
  opening_hash_ = {};
  next_nonce_ = {};
  last_time_ = {};
  last_utc_offset_minutes_ = 0;
  last_date_ = 0;
  last_receipt_number_ = last_receipt_number;
  series_begun_ = false;
}

void JournalWriter::continue_journal(JournalTail tail, const OpeningHash& opening,
                                     WallTime last_time) {
  tail_ = whole_or_none(tail);
  opening_hash_ = opening;
  last_time_ = last_time;
}

void JournalWriter::observe_logical_clock(std::uint64_t logical_clock) {
  logical_clock_ = std::max(logical_clock_, std::min(logical_clock, logical_clock_max));
}

void JournalWriter::observe_receipt_number(std::uint64_t number) {
  if (!series_begun_) last_receipt_number_ = std::max(last_receipt_number_, number);
}

}  // namespace titan::mesh
