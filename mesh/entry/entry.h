// The entry as the core sees it: its envelope, and its bytes, which are never re-serialised.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "crdt/stock.h"

namespace titan::mesh {

// Numbers of proto/entry.proto; also values this version does not know pass through.
enum class Kind : std::uint32_t {
  unknown = 0,
  sale = 1,
  refund = 2,
  void_sale = 3,
  delivery = 4,
  adjustment = 5,
  transfer_out = 6,
  transfer_in = 7,
  opening_stock = 8,
  product = 9,
  setting = 10,
  user = 11,
  revocation = 12,
  transfer_confirmed = 13,
  numbers_lost = 14,
  certificate = 15,
  product_list_part = 16,
  product_list = 17,
  history = 18,
  history_withdrawn = 19,
  fold = 20,
};

enum class ClockQuality : std::uint32_t {
  unknown = 0,
  synchronised = 1,
  unsynchronised = 2,
  held = 3,          // would have gone back within the journal
  implausible = 4,   // before this software was built, or after 2100
  contradicted = 5,  // most of the other terminals show another day
};

// What goes beyond one of these is refused everywhere, by the writer as by every receiver.
inline constexpr std::size_t entry_bytes_max = 512 * 1024;
inline constexpr std::size_t stock_effects_max = 20'000;
inline constexpr std::size_t product_bytes_max = 256;
inline constexpr std::size_t idempotency_key_bytes_max = 256;
inline constexpr std::size_t terminal_bytes_max = 128;
inline constexpr std::size_t certificates_max = 8;
inline constexpr std::uint64_t entry_number_max = std::uint64_t{1} << 62;
// Room until the year 4199; a peer's wild clock cannot push the logical clock to its wrap-around.
inline constexpr std::uint64_t logical_clock_max = std::uint64_t{1} << 62;
// What a wall clock can push it to, the year 2100: above it there is room for whoever must order
// behind a clock that was absurdly ahead, for longer than anybody counts.
inline constexpr std::uint64_t logical_clock_wall_ms_max = 4'102'444'800'000;

// An entry's place; with its hash, its identity everywhere.
struct EntryId {
  JournalId journal;
  std::uint64_t number = 0;

  auto operator<=>(const EntryId&) const = default;
};

struct Receipt {
  std::string terminal;
  std::uint64_t number = 0;

  bool operator==(const Receipt&) const = default;
};

using JournalNonce = FixedBytes<struct JournalNonceTag, 16>;
// The start of BLAKE2b-256 of an opening's bytes as its writer made them.
using OpeningHash = FixedBytes<struct OpeningHashTag, 16>;

// In number 1 of each journal: who writes it and what came before.
struct JournalOpening {
  ProcessId process;
  PublicKey device_public_key;
  std::vector<Bytes> certificates;
  JournalId predecessor;  // none if the disk held no journal of this device
  std::uint64_t predecessor_number = 0;
  Hash predecessor_hash;
  std::string terminal;
  Hash tenant_store;  // BLAKE2b-256 of tenant, NUL, store
  std::uint32_t software_version = 0;
  JournalNonce nonce;  // no two journals of a process have one name

  bool operator==(const JournalOpening&) const = default;
};

struct Envelope {
  EntryId id;
  Hash previous_hash;  // none in number 1
  Kind kind = Kind::unknown;
  DeviceId device;
  WallTime time;
  std::int32_t utc_offset_minutes = 0;
  std::uint32_t business_date = 0;  // yyyymmdd
  ClockQuality clock_quality = ClockQuality::unknown;
  std::string idempotency_key;
  Hash request_hash;
  Hash claim;  // none: nothing that must happen only once
  std::vector<crdt::StockEffect> stock_effects;
  Bytes body;
  std::optional<JournalOpening> opening;
  std::uint64_t logical_clock = 0;
  std::optional<Receipt> receipt;
  OpeningHash opening_hash;  // of the journal's opening, in every entry

  bool operator==(const Envelope&) const = default;
};

struct Entry {
  Envelope envelope;
  Bytes bytes;           // the SignedEntry as its writer made it
  Bytes envelope_bytes;  // what the signature covers
  Signature signature;
  Hash hash;  // BLAKE2b-256 of `bytes`
};

// What a caller wants recorded; the journal adds place, chain, process facts and signature.
struct EntryDraft {
  Kind kind = Kind::unknown;
  WallTime time;
  std::int32_t utc_offset_minutes = 0;
  std::uint32_t business_date = 0;  // by the writer's clock and calendar
  // What a screen says instead, to book on another day; 0: it says nothing.
  std::uint32_t stated_business_date = 0;
  ClockQuality clock_quality = ClockQuality::unknown;
  std::string idempotency_key;
  Hash request_hash;
  Hash claim;  // none: that of the request, where there is a key (mesh/journal/idempotency.h)
  std::vector<crdt::StockEffect> stock_effects;
  Bytes body;
  bool wants_receipt = false;
};

// Of these the one with the greatest logical clock is in force; of other kinds all count.
bool is_layered(Kind kind);

// What an envelope must satisfy whoever wrote it: named limits, text that is UTF-8, a chain that
// starts with an opening. The error names the field. It knows no keys: see mesh/entry/verify.h.
Status check_envelope(const Envelope& envelope);

// The bytes an entry's signature covers: "titan-entry-1" followed by the serialised envelope.
Bytes signed_part(BytesView envelope_bytes);

// BLAKE2b-256 of tenant, NUL, store: what binds a journal to one store.
Hash tenant_store_hash(std::string_view tenant, std::string_view store);

OpeningHash hash_of_opening(BytesView opening_bytes);
// The one name of a journal that this device opens with this key and opening in this store. Of
// another format of journals the names are others, so that who does not know it takes no part of
// one.
JournalId journal_name(const Hash& tenant_store, const DeviceId& device, const PublicKey& key,
                       const OpeningHash& opening);

// "K7QF": four characters of Crockford's base 32 from the first 20 bits of the journal id, printed
// behind the receipt number, so that two series of one terminal cannot be confused.
std::string receipt_check(const JournalId& journal);
// "till-3 000123-K7QF"
std::string receipt_text(const Receipt& receipt, const JournalId& journal);

}  // namespace titan::mesh
