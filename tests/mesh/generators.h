// Random but valid values for property tests, drawn from one seed.
#pragma once

#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/random.h"
#include "mesh/entry/entry.h"
#include "mesh/journal/journal_writer.h"
#include "mesh/messages.h"

namespace titan::mesh::testing {

inline KeyPair draw_key(Random& random) {
  return KeyPair::from_seed(SecretSeed::draw(random));
}

inline Bytes draw_bytes(Random& random, std::size_t size_max) {
  Bytes bytes(random.below(size_max + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  return bytes;
}

// Valid UTF-8, also beyond ASCII.
inline std::string draw_text(Random& random, std::size_t letters_max) {
  static const char* const letters[] = {"a", "Z", "7", " ", "-", "é", "€", "ß", "漢", "😀"};
  std::string text;
  const auto count = random.below(letters_max + 1);
  for (std::uint64_t i = 0; i < count; ++i) text += letters[random.below(std::size(letters))];
  return text;
}

template <class Id>
Id draw_or_none(Random& random) {
  return random.chance({1, 3}) ? Id{} : Id::draw(random);
}

// Small, large or anything: the lengths of varints differ.
inline std::uint64_t draw_number(Random& random) {
  return random.next() >> random.below(64);
}

inline std::vector<crdt::StockEffect> draw_effects(Random& random) {
  std::vector<crdt::StockEffect> effects(random.below(6));
  for (auto& effect : effects) {
    effect = {"p" + draw_text(random, 8), draw_number(random), draw_number(random)};
  }
  return effects;
}

// Kinds that this version does not know are among them.
inline EntryDraft draw_draft(Random& random) {
  EntryDraft draft;
  draft.kind =
      static_cast<Kind>(random.chance({1, 4}) ? 1000 + random.below(1000) : 1 + random.below(15));
  draft.time.utc_ms = static_cast<std::int64_t>(random.below(4'000'000'000'000));
  draft.utc_offset_minutes = static_cast<std::int32_t>(random.below(1441)) - 720;
  draft.business_date = static_cast<std::uint32_t>(20110000 + random.below(10000));
  draft.clock_quality = static_cast<ClockQuality>(random.below(5));
  draft.idempotency_key = draw_text(random, 20);
  draft.request_hash = draw_or_none<Hash>(random);
  draft.claim = draw_or_none<Hash>(random);
  draft.stock_effects = draw_effects(random);
  draft.body = draw_bytes(random, 300);
  draft.wants_receipt = random.chance({1, 2});
  return draft;
}

// Its opening, if it has one, is the one that its hash speaks of.
inline Envelope draw_envelope(Random& random, const Codec& codec) {
  const EntryDraft draft = draw_draft(random);
  Envelope envelope;
  envelope.id = {JournalId::draw(random), 1 + random.below(entry_number_max)};
  envelope.previous_hash = draw_or_none<Hash>(random);
  envelope.kind = draft.kind;
  envelope.device = DeviceId::draw(random);
  envelope.time = draft.time;
  envelope.utc_offset_minutes = draft.utc_offset_minutes;
  envelope.business_date = draft.business_date;
  envelope.clock_quality = draft.clock_quality;
  envelope.idempotency_key = draft.idempotency_key;
  envelope.request_hash = draft.request_hash;
  envelope.claim = draft.claim;
  envelope.stock_effects = draft.stock_effects;
  envelope.body = draft.body;
  envelope.logical_clock = draw_number(random);
  envelope.opening_hash = OpeningHash::draw(random);
  if (random.chance({1, 2})) {
    JournalOpening opening;
    opening.process = ProcessId::draw(random);
    opening.device_public_key = draw_key(random).public_key;
    opening.certificates.resize(random.below(3));
    for (auto& certificate : opening.certificates) certificate = draw_bytes(random, 100);
    opening.predecessor = draw_or_none<JournalId>(random);
    opening.predecessor_number = draw_number(random);
    opening.predecessor_hash = draw_or_none<Hash>(random);
    opening.terminal = draw_text(random, 10);
    opening.tenant_store = Hash::draw(random);
    opening.software_version = static_cast<std::uint32_t>(random.next());
    opening.nonce = JournalNonce::draw(random);
    envelope.opening = opening;
    envelope.opening_hash = hash_of_opening(codec.encode_opening(opening));
  }
  if (random.chance({1, 2})) {
    envelope.receipt = Receipt{draw_text(random, 10), draw_number(random)};
  }
  return envelope;
}

inline crdt::IntervalSet draw_intervals(Random& random) {
  std::vector<crdt::Interval> intervals(random.below(5));
  for (auto& interval : intervals) {
    interval.first = 1 + random.below(1000);
    interval.last = interval.first + random.below(100);
  }
  return crdt::IntervalSet(intervals);
}

inline crdt::ContentSum draw_content(Random& random) {
  return {random.next(), random.next()};
}

inline JournalItem draw_item(Random& random) {
  return {JournalId::draw(random), {draw_intervals(random), draw_content(random)}};
}

inline std::vector<JournalItem> draw_items(Random& random) {
  std::vector<JournalItem> items(random.below(5));
  for (auto& item : items) item = draw_item(random);
  return items;
}

inline MemberInfo draw_member(Random& random) {
  MemberInfo member;
  member.process = ProcessId::draw(random);
  member.device_key = PublicKey::draw(random);
  member.terminal = draw_text(random, 12);
  member.addresses.resize(random.below(4));
  for (auto& address : member.addresses)
    address = "10.77.0.3:" + std::to_string(random.below(65536));
  member.protocol = static_cast<std::uint32_t>(draw_number(random));
  member.may_lead = random.chance({1, 2});
  member.priority = static_cast<std::uint32_t>(draw_number(random));
  member.holds_all_pending = random.chance({1, 2});
  member.reaches_cloud = random.chance({1, 2});
  member.started.utc_ms = static_cast<std::int64_t>(draw_number(random));
  return member;
}

}  // namespace titan::mesh::testing
