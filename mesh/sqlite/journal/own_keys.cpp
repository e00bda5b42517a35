#include "mesh/sqlite/journal/own_keys.h"

#include <SQLiteCpp/Transaction.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "mesh/clock/clock_hold.h"
#include "mesh/journal/idempotency.h"

namespace titan::mesh {
namespace {

constexpr std::int64_t day_ms = 86'400'000;
// From the first written on: so many that never become old (a clock that was years ahead for long)
// keep what comes behind them.
constexpr std::int64_t oldest_keys_looked_at = 20'000;

std::optional<IdempotencyRecord> row_of(Connection& connection, const std::string& key) {
  Use use = connection.use(
      "SELECT journal, number, entry_hash, request_hash FROM own_keys WHERE hash = ? AND "
      "idempotency_key = ?");
  use.number(1, hash_of_key(key)).text(2, key);
  if (!use.step()) return std::nullopt;
  return IdempotencyRecord{{use.id_at<JournalId>(0).value_or(JournalId{}), use.number_at(1)},
                           use.id_at<Hash>(2).value_or(Hash{}),
                           use.id_at<Hash>(3).value_or(Hash{})};
}

// False if the key has a row.
bool insert_row(Connection& connection, const Envelope& envelope, const IdempotencyRecord& record) {
  Use use = connection.use(
      "INSERT INTO own_keys(hash, idempotency_key, clock, utc_ms, journal, number, entry_hash, "
      "request_hash) VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(hash, idempotency_key) DO NOTHING");
  use.number(1, hash_of_key(envelope.idempotency_key))
      .text(2, envelope.idempotency_key)
      .number(3, envelope.logical_clock);
  is_plausible(envelope.time) ? use.integer(4, envelope.time.utc_ms) : use.null(4);
  use.blob(5, record.entry.journal.view())
      .number(6, record.entry.number)
      .blob(7, record.entry_hash.view())
      .blob(8, record.request_hash.view());
  return use.run() != 0;
}

void update_row(Connection& connection, const std::string& key, const IdempotencyRecord& record) {
  Use use = connection.use(
      "UPDATE own_keys SET journal = ?, number = ?, entry_hash = ?, request_hash = ? WHERE hash = "
      "? AND idempotency_key = ?");
  use.blob(1, record.entry.journal.view())
      .number(2, record.entry.number)
      .blob(3, record.entry_hash.view())
      .blob(4, record.request_hash.view())
      .number(5, hash_of_key(key))
      .text(6, key)
      .run();
}

// Both claim the request that they recorded, so the ledger counts one of them.
bool is_settled(Connection& connection, const DuplicateRecord& duplicate) {
  Use use = connection.use(
      "SELECT 1 FROM entries extra JOIN entries kept ON kept.claim = extra.claim "
      "WHERE extra.journal = (SELECT ref FROM journals WHERE journal = ?1) AND extra.number = ?2 "
      "AND extra.hash = ?3 AND kept.number = ?5 "
      "AND kept.journal = (SELECT ref FROM journals WHERE journal = ?4)");
  use.blob(1, duplicate.extra.journal.view())
      .number(2, duplicate.extra.number)
      .blob(3, duplicate.extra_hash.view())
      .blob(4, duplicate.kept.journal.view())
      .number(5, duplicate.kept.number);
  return use.step();
}

void insert_duplicate(Connection& connection, const DuplicateRecord& duplicate) {
  Use use = connection.use(
      "INSERT OR REPLACE INTO own_duplicates(entry_hash, journal, number, kept_journal, "
      "kept_number, same_request) VALUES(?, ?, ?, ?, ?, ?)");
  use.blob(1, duplicate.extra_hash.view())
      .blob(2, duplicate.extra.journal.view())
      .number(3, duplicate.extra.number)
      .blob(4, duplicate.kept.journal.view())
      .number(5, duplicate.kept.number)
      .integer(6, duplicate.is_same_request ? 1 : 0)
      .run();
}

// Keys before `clock` whose entries are older than `utc_ms` are beyond the horizon.
struct HorizonNow {
  std::uint64_t clock = 0;
  std::int64_t utc_ms = 0;
};

// None: no key is beyond it, or too few of the last ones say what time it is.
std::optional<HorizonNow> horizon_now(Connection& connection, const KeyHorizon& horizon) {
  HorizonNow now;
  std::vector<std::int64_t> times;
  std::size_t keys = 0;
  Use use = connection.use(
      "SELECT clock, utc_ms FROM own_keys INDEXED BY own_keys_age ORDER BY clock DESC LIMIT ?");
  use.integer(1, static_cast<std::int64_t>(horizon.last_keys));
  for (; use.step(); ++keys) {
    now.clock = use.number_at(0);
    if (!use.is_null_at(1)) times.push_back(use.integer_at(1));
  }
  const std::size_t half = horizon.last_keys / 2;
  if (keys < horizon.last_keys || times.size() <= half) return std::nullopt;
  const auto half_are_later = times.begin() + static_cast<std::ptrdiff_t>(half);
  std::nth_element(times.begin(), half_are_later, times.end(), std::greater<>());
  now.utc_ms = *half_are_later - horizon.days * day_ms;
  return now;
}

struct OldKeys {
  std::vector<std::pair<std::uint64_t, std::string>> rows;  // hash and key
  bool has_more = false;

  void take(const Use& row) { rows.emplace_back(row.number_at(0), row.bytes_at(1)); }
};

OldKeys old_keys(Connection& connection, const HorizonNow& now, std::size_t rows_max) {
  OldKeys old;
  std::uint64_t newest_clock = 0;
  {
    Use use = connection.use(
        "SELECT hash, idempotency_key, clock FROM (SELECT hash, idempotency_key, clock, utc_ms "
        "FROM own_keys INDEXED BY own_keys_age WHERE clock < ? ORDER BY clock LIMIT ?) WHERE "
        "utc_ms < ? LIMIT ?");
    use.number(1, now.clock)
        .integer(2, oldest_keys_looked_at)
        .integer(3, now.utc_ms)
        .integer(4, static_cast<std::int64_t>(rows_max));
    while (use.step()) {
      old.take(use);
      newest_clock = std::max(newest_clock, use.number_at(2));
    }
  }
  old.has_more = old.rows.size() == rows_max;
  // Written before one that is old, whatever time they bear.
  Use use = connection.use(
      "SELECT hash, idempotency_key FROM own_keys INDEXED BY own_keys_age WHERE clock < ? AND "
      "utc_ms IS NULL ORDER BY clock LIMIT ?");
  use.number(1, newest_clock).integer(2, static_cast<std::int64_t>(rows_max));
  while (use.step()) old.take(use);
  return old;
}

bool has_hash(Connection& connection, std::uint64_t hash) {
  Use use = connection.use("SELECT 1 FROM own_keys WHERE hash = ?");
  use.number(1, hash);
  return use.step();
}

}  // namespace

Result<std::optional<IdempotencyRecord>> find_key(Connection& connection, const std::string& key) {
  using Answer = Result<std::optional<IdempotencyRecord>>;
  return connection.guarded("looking up an idempotency key",
                            [&]() -> Answer { return row_of(connection, key); });
}

std::optional<DuplicateRecord> note_key(Connection& connection, const Entry& entry,
                                        const std::optional<IdempotencyRecord>& elsewhere) {
  const Envelope& envelope = entry.envelope;
  std::optional<IdempotencyRecord> known = elsewhere;
  auto duplicate = remember_key(known, entry);
  if (!insert_row(connection, envelope, *known)) {
    known = row_of(connection, envelope.idempotency_key);
    const auto before = known;
    duplicate = remember_key(known, entry);
    if (known != before) update_row(connection, envelope.idempotency_key, *known);
  }
  if (duplicate && !is_settled(connection, *duplicate)) insert_duplicate(connection, *duplicate);
  return duplicate;
}

void read_keys(Connection& connection, StoredState& state) {
  std::vector<std::uint64_t> hashes;
  {
    Use use = connection.use("SELECT hash FROM own_keys INDEXED BY own_keys_age");
    while (use.step()) hashes.push_back(use.number_at(0));
  }
  hashes.shrink_to_fit();
  state.keys = KeyHashes(std::move(hashes));
  Use use = connection.use(
      "SELECT entry_hash, journal, number, kept_journal, kept_number, same_request FROM "
      "own_duplicates ORDER BY entry_hash");
  while (use.step()) {
    const DuplicateRecord duplicate{
        {use.id_at<JournalId>(3).value_or(JournalId{}), use.number_at(4)},
        {use.id_at<JournalId>(1).value_or(JournalId{}), use.number_at(2)},
        use.id_at<Hash>(0).value_or(Hash{}),
        use.integer_at(5) != 0};
    (duplicate.is_same_request ? state.duplicates : state.reused_keys).push_back(duplicate);
  }
}

Result<DroppedKeys> drop_old_keys(Connection& connection, const KeyHorizon& horizon,
                                  std::size_t rows_max) {
  return connection.guarded("dropping old keys", [&]() -> Result<DroppedKeys> {
    DroppedKeys dropped;
    const auto now = horizon_now(connection, horizon);
    if (!now) return dropped;
    OldKeys old = old_keys(connection, *now, rows_max);
    if (old.rows.empty()) return dropped;
    SQLite::Transaction transaction(connection.database(), SQLite::TransactionBehavior::IMMEDIATE);
    for (const auto& [hash, key] : old.rows) {
      Use use = connection.use("DELETE FROM own_keys WHERE hash = ? AND idempotency_key = ?");
      use.number(1, hash).text(2, key).run();
    }
    for (const auto& [hash, key] : old.rows) {
      if (!has_hash(connection, hash)) dropped.hashes.push_back(hash);
    }
    transaction.commit();
    dropped.has_more = old.has_more;
    return dropped;
  });
}

}  // namespace titan::mesh
