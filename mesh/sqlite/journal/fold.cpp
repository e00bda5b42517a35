#include "mesh/sqlite/journal/fold.h"

#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "mesh/journal/idempotency.h"
#include "mesh/sqlite/file/blobs.h"
#include "mesh/sqlite/journal/own_keys.h"

namespace titan::mesh {
namespace {

// ---- this device's past -----------------------------------------------------------------------

struct Past {
  std::uint64_t logical_clock = 0;
  std::uint64_t last_receipt = 0;
  // The entry this device wrote last: the one with its greatest logical clock, whatever the order
  // in which its own entries came back to a restored disk.
  std::uint64_t own_clock = 0;
  EntryId own;
  Hash own_hash;

  void take(const Entry& entry, const DeviceId& device) {
    const Envelope& envelope = entry.envelope;
    logical_clock = std::max(logical_clock, envelope.logical_clock);
    if (envelope.device != device) return;
    if (envelope.receipt) last_receipt = std::max(last_receipt, envelope.receipt->number);
    if (own.number == 0 || std::tie(own_clock, own, own_hash) <
                               std::tie(envelope.logical_clock, envelope.id, entry.hash)) {
      own_clock = envelope.logical_clock;
      own = envelope.id;
      own_hash = entry.hash;
    }
  }
};

// What day the last entries say it is. Old journals say nothing that newer ones do not: a bounded
// number is asked, whatever the age of the disk.
KnownDates dates_of_newest(const FoldContext& context) {
  constexpr std::int64_t journals_asked_max = 300;
  KnownDates dates;
  Use use = context.connection.use(
      "SELECT (SELECT e.bytes FROM entries e WHERE e.journal = j.ref ORDER BY e.number DESC LIMIT "
      "1) "
      "FROM (SELECT ref FROM journals ORDER BY ref DESC LIMIT ?) j");
  use.integer(1, journals_asked_max);
  while (use.step()) {
    const auto entry = context.codec.decode_entry(use.bytes_at(0));
    if (entry) observe_date(dates, entry->envelope);
  }
  return dates;
}

Past read_past(Connection& connection, std::int64_t& position) {
  Use use = connection.use(
      "SELECT position, logical_clock, last_receipt, own_clock, own_journal, own_number, own_hash "
      "FROM folded");
  Past past;
  if (!use.step()) return past;
  position = use.integer_at(0);
  past.logical_clock = use.number_at(1);
  past.last_receipt = use.number_at(2);
  past.own_clock = use.number_at(3);
  past.own.journal = use.id_at<JournalId>(4).value_or(JournalId{});
  past.own.number = use.number_at(5);
  past.own_hash = use.id_at<Hash>(6).value_or(Hash{});
  return past;
}

void write_past(Connection& connection, const Past& past, std::int64_t position) {
  Use use = connection.use(
      "UPDATE folded SET position = ?, logical_clock = ?, last_receipt = ?, own_clock = ?, "
      "own_journal = ?, own_number = ?, own_hash = ?");
  use.integer(1, position)
      .number(2, past.logical_clock)
      .number(3, past.last_receipt)
      .number(4, past.own_clock)
      .blob(5, past.own.journal.view())
      .number(6, past.own.number)
      .blob(7, past.own_hash.view())
      .run();
}

// ---- reading entries in the order of arrival ---------------------------------------------------

struct JournalOwner {
  JournalId journal;
  DeviceId device;
};
using Owners = std::map<std::int64_t, JournalOwner>;  // by journals.ref

Owners read_owners(Connection& connection) {
  Use use = connection.use("SELECT ref, journal, device FROM journals");
  Owners owners;
  while (use.step()) {
    owners[use.integer_at(0)] = {use.id_at<JournalId>(1).value_or(JournalId{}),
                                 use.id_at<DeviceId>(2).value_or(DeviceId{})};
  }
  return owners;
}

struct Arrived {
  std::int64_t position = 0;
  std::int64_t journal = 0;  // journals.ref
  bool is_history = false;   // a fold of the cloud counts it already
  Entry entry;
};

Error damaged(const Connection& connection, std::int64_t position, const std::string& why) {
  return make_error(ErrorCode::corrupt,
                    "the database " + connection.path() + ": the entry at position " +
                        std::to_string(position) + " is damaged (" + why +
                        "); the file will be set aside and every readable entry recovered");
}

// Calls `take(Arrived&&)` for at most `entries_max` entries behind `position`.
template <class Take>
Status each_arrived(const FoldContext& context, std::int64_t position, std::int64_t entries_max,
                    Take&& take) {
  Use use = context.connection.use(
      "SELECT position, journal, number, hash, bytes, position IN (SELECT position FROM history) "
      "FROM entries WHERE position > ? ORDER BY position LIMIT ?");
  use.integer(1, position).integer(2, entries_max);
  while (use.step()) {
    Arrived arrived{use.integer_at(0), use.integer_at(1), use.integer_at(5) != 0, {}};
    auto entry = context.codec.decode_entry(use.view_at(4));
    if (!entry) return damaged(context.connection, arrived.position, entry.error().message);
    arrived.entry = std::move(*entry);
    if (arrived.entry.hash.view() != use.view_at(3)) {
      return damaged(context.connection, arrived.position, "its hash does not fit its bytes");
    }
    if (arrived.entry.envelope.id.number != use.number_at(2)) {
      return damaged(context.connection, arrived.position, "it stands under another number");
    }
    take(std::move(arrived));
  }
  return {};
}

// ---- one slice ----------------------------------------------------------------------------------

using Slice = std::vector<Arrived>;

crdt::VectorItem read_item(Connection& connection, std::int64_t journal) {
  Use use = connection.use("SELECT intervals, content FROM folded_journals WHERE journal = ?");
  use.integer(1, journal);
  if (!use.step()) return {};
  return {intervals_of(use.view_at(0)), content_of(use.view_at(1))};
}

void fold_vector(Connection& connection, const Slice& slice) {
  std::map<std::int64_t, crdt::VectorItem> items;
  for (const Arrived& arrived : slice) {
    if (arrived.is_history) continue;
    auto found = items.find(arrived.journal);
    if (found == items.end()) {
      found = items.emplace(arrived.journal, read_item(connection, arrived.journal)).first;
    }
    found->second.stored.add(arrived.entry.envelope.id.number);
    found->second.content.add(crdt::ContentSum::of(arrived.entry.hash));
  }
  for (const auto& [journal, item] : items) {
    const Bytes intervals = bytes_of(item.stored);
    const Bytes content = bytes_of(item.content);
    Use use = connection.use(
        "INSERT OR REPLACE INTO folded_journals(journal, intervals, content) VALUES(?, ?, ?)");
    use.integer(1, journal).blob(2, intervals).blob(3, content).run();
  }
}

// Applies entries in the order of their arrival, as they were stored one by one.
void apply_arrived(crdt::Stock& stock, const Arrived& arrived,
                   const std::optional<crdt::ClaimWinner>& older) {
  const Envelope& envelope = arrived.entry.envelope;
  if (!arrived.is_history) apply_to(stock, arrived.entry);
  if (older) {
    stock.contest(envelope.claim, *older, {arrived.entry.hash, envelope.stock_effects});
  }
}

std::optional<crdt::ClaimWinner> older_than(const FoldContext& context, const Arrived& arrived) {
  if (arrived.is_history) {
    return rival_above_fold(context.connection, context.codec, arrived.entry, arrived.position);
  }
  return oldest_of_request(context.connection, context.codec, arrived.entry, arrived.position);
}

std::optional<crdt::ClaimWinner> read_claim(Connection& connection, const Hash& claim) {
  Use use = connection.use("SELECT entry_hash, effects FROM folded_claims WHERE claim = ?");
  use.blob(1, claim.view());
  if (!use.step()) return std::nullopt;
  return crdt::ClaimWinner{use.id_at<Hash>(0).value_or(Hash{}), effects_of(use.view_at(1))};
}

void write_sum(Connection& connection, const std::string& product, const crdt::StockSum& sum) {
  if (sum == crdt::StockSum{}) {
    // A claim that another entry won has taken out all that ever moved it.
    Use use = connection.use("DELETE FROM folded_stock WHERE product = ?");
    use.text(1, product).run();
    return;
  }
  Use use = connection.use(
      "INSERT INTO folded_stock(product, added, removed) VALUES(?, ?, ?) ON CONFLICT(product) "
      "DO UPDATE SET added = excluded.added, removed = excluded.removed");
  use.text(1, product).number(2, sum.added).number(3, sum.removed).run();
}

// Folds with the core's own Stock, over the rows that the slice touches, so that claims are settled
// by one piece of code.
void fold_stock(const FoldContext& context, const Slice& slice) {
  Connection& connection = context.connection;
  crdt::Stock::Claims claims;
  std::vector<std::optional<crdt::ClaimWinner>> older;
  std::set<std::string> products;
  const auto touch = [&](const std::vector<crdt::StockEffect>& effects) {
    for (const crdt::StockEffect& effect : effects) products.insert(effect.product);
  };
  for (const Arrived& arrived : slice) {
    const Envelope& envelope = arrived.entry.envelope;
    touch(envelope.stock_effects);
    older.push_back(older_than(context, arrived));
    if (older.back()) touch(older.back()->effects);
    if (envelope.claim.is_none() || claims.contains(envelope.claim)) continue;
    auto winner = read_claim(connection, envelope.claim);
    if (!winner) continue;
    touch(winner->effects);
    claims.emplace(envelope.claim, std::move(*winner));
  }
  crdt::Stock::Sums sums;
  for (const std::string& product : products) {
    Use use = connection.use("SELECT added, removed FROM folded_stock WHERE product = ?");
    use.text(1, product);
    if (use.step()) sums[product] = {use.number_at(0), use.number_at(1)};
  }
  crdt::Stock stock(std::move(sums), std::move(claims));
  for (std::size_t i = 0; i < slice.size(); ++i) {
    apply_arrived(stock, slice[i], older[i]);
  }
  for (const std::string& product : products) {
    write_sum(connection, product, stock.sum(product));
  }
  for (const auto& [claim, winner] : stock.claims()) {
    const Bytes effects = bytes_of(winner.effects);
    Use use = connection.use(
        "INSERT OR REPLACE INTO folded_claims(claim, entry_hash, effects) VALUES(?, ?, ?)");
    use.blob(1, claim.view()).blob(2, winner.entry_hash.view()).blob(3, effects).run();
  }
}

// ---- the parts of a stored state ---------------------------------------------------------------

crdt::Stock read_stock(Connection& connection) {
  crdt::Stock::Sums sums;
  {
    Use use = connection.use("SELECT product, added, removed FROM folded_stock ORDER BY product");
    while (use.step()) {
      sums.emplace_hint(sums.end(), use.bytes_at(0),
                        crdt::StockSum{use.number_at(1), use.number_at(2)});
    }
  }
  crdt::Stock::Claims claims;
  Use use = connection.use("SELECT claim, entry_hash, effects FROM folded_claims ORDER BY claim");
  while (use.step()) {
    claims.emplace_hint(
        claims.end(), use.id_at<Hash>(0).value_or(Hash{}),
        crdt::ClaimWinner{use.id_at<Hash>(1).value_or(Hash{}), effects_of(use.view_at(2))});
  }
  return crdt::Stock(std::move(sums), std::move(claims));
}

void read_folded(Connection& connection, const Owners& owners, StoredState& state) {
  {
    Use use = connection.use("SELECT journal, intervals, content FROM folded_journals");
    while (use.step()) {
      const auto owner = owners.find(use.integer_at(0));
      if (owner == owners.end()) continue;
      state.vector.set(owner->second.device, owner->second.journal,
                       {intervals_of(use.view_at(1)), content_of(use.view_at(2))});
    }
  }
  state.stock = read_stock(connection);
}

RememberedMember member_at(const Use& row) {
  RememberedMember remembered;
  MemberInfo& member = remembered.member;
  member.process = row.id_at<ProcessId>(0).value_or(ProcessId{});
  member.device_key = row.id_at<PublicKey>(1).value_or(PublicKey{});
  member.terminal = row.bytes_at(2);
  BytesView addresses = row.view_at(3);
  while (!addresses.empty()) {
    const std::size_t end = std::min(addresses.find('\n'), addresses.size());
    member.addresses.emplace_back(addresses.substr(0, end));
    addresses.remove_prefix(std::min(end + 1, addresses.size()));
  }
  member.protocol = static_cast<std::uint32_t>(row.integer_at(4));
  member.may_lead = row.integer_at(5) != 0;
  member.priority = static_cast<std::uint32_t>(row.integer_at(6));
  member.holds_all_pending = row.integer_at(7) != 0;
  member.reaches_cloud = row.integer_at(8) != 0;
  member.started.utc_ms = row.integer_at(9);
  remembered.last_good_address = row.bytes_at(10);
  remembered.last_seen.utc_ms = row.integer_at(11);
  return remembered;
}

}  // namespace

Result<std::size_t> fold_some(const FoldContext& context, std::size_t entries_max) {
  Connection& connection = context.connection;
  return connection.guarded("folding entries", [&]() -> Result<std::size_t> {
    std::int64_t position = 0;
    Past past = read_past(connection, position);
    Slice slice;
    const Status read = each_arrived(context, position, static_cast<std::int64_t>(entries_max),
                                     [&](Arrived&& arrived) {
                                       past.take(arrived.entry, context.device);
                                       slice.push_back(std::move(arrived));
                                     });
    if (!read) return read.error();
    if (slice.empty()) return std::size_t{0};
    SQLite::Transaction transaction(connection.database(), SQLite::TransactionBehavior::IMMEDIATE);
    fold_vector(connection, slice);
    fold_stock(context, slice);
    write_past(connection, past, slice.back().position);
    Use told = connection.use("DELETE FROM history WHERE position <= ?");
    told.integer(1, slice.back().position).run();
    transaction.commit();
    return slice.size();
  });
}

void read_devices(Connection& connection, StoredState& state) {
  Use keys = connection.use("SELECT public_key FROM devices ORDER BY public_key");
  while (keys.step()) {
    if (const auto key = keys.id_at<PublicKey>(0)) state.devices.push_back(*key);
  }
}

void read_promise(Connection& connection, StoredState& state) {
  Use promise = connection.use("SELECT term, voted_for FROM promise");
  if (promise.step()) {
    state.promise = {promise.number_at(0), promise.id_at<ProcessId>(1).value_or(ProcessId{})};
  }
}

void read_members(Connection& connection, StoredState& state) {
  Use members = connection.use(
      "SELECT process, device_key, terminal, addresses, protocol, may_lead, priority, "
      "holds_all_pending, reaches_cloud, started_ms, last_good_address, last_seen_ms "
      "FROM members ORDER BY device");
  while (members.step()) state.members.push_back(member_at(members));
}

void read_watermark(Connection& connection, StoredState& state) {
  auto watermark = read_statement(connection);
  if (!watermark) return;
  // Sorted by SQLite they would not fit its cache: an old store has rows of 20 MB.
  std::map<DeviceId, std::vector<JournalItem>> by_device;
  Use rows = connection.use(
      "SELECT device, journal, intervals, content FROM held_by_cloud ORDER BY journal");
  while (rows.step()) {
    by_device[rows.id_at<DeviceId>(0).value_or(DeviceId{})].push_back(
        {rows.id_at<JournalId>(1).value_or(JournalId{}),
         {intervals_of(rows.view_at(2)), content_of(rows.view_at(3))}});
  }
  StoredWatermark stored{std::move(*watermark), true, {}};
  for (auto& [device, journals] : by_device) {
    stored.journals.push_back({device, std::move(journals)});
  }
  state.watermark = std::move(stored);
}

std::optional<Watermark> read_statement(Connection& connection) {
  Use use = connection.use("SELECT statement, signature, cloud_key FROM watermark");
  if (!use.step()) return std::nullopt;
  return Watermark{use.bytes_at(0), use.id_at<Signature>(1).value_or(Signature{}),
                   use.id_at<PublicKey>(2).value_or(PublicKey{})};
}

crdt::IntervalSet read_held_by_cloud(Connection& connection, const JournalId& journal) {
  Use use = connection.use("SELECT intervals FROM held_by_cloud WHERE journal = ?");
  use.blob(1, journal.view());
  return use.step() ? intervals_of(use.view_at(0)) : crdt::IntervalSet();
}

Result<StoredState> load_state(const FoldContext& context) {
  Connection& connection = context.connection;
  return connection.guarded("reading what is stored", [&]() -> Result<StoredState> {
    StoredState state;
    const Owners owners = read_owners(connection);
    std::int64_t position = 0;
    Past past = read_past(connection, position);
    state.lacks_history =
        connection.single_number("SELECT count(*) FROM meta WHERE name = 'lacks_history'") > 0;
    read_folded(connection, owners, state);
    read_devices(connection, state);
    read_promise(connection, state);
    read_members(connection, state);
    read_watermark(connection, state);
    const Status replayed = each_arrived(
        context, position, std::numeric_limits<std::int64_t>::max(), [&](Arrived&& arrived) {
          const Envelope& envelope = arrived.entry.envelope;
          const auto owner = owners.find(arrived.journal);
          const DeviceId& device = owner == owners.end() ? envelope.device : owner->second.device;
          past.take(arrived.entry, context.device);
          if (!arrived.is_history) {
            state.vector.add(device, envelope.id.journal, envelope.id.number, arrived.entry.hash);
          }
          apply_arrived(state.stock, arrived, older_than(context, arrived));
        });
    if (!replayed) return replayed.error();
    read_keys(connection, state);
    drop_voided(state.duplicates, state.stock);
    state.last_journal = past.own.journal;
    state.last_number = past.own.number;
    state.last_hash = past.own_hash;
    state.last_receipt_number = past.last_receipt;
    state.logical_clock = past.logical_clock;
    state.dates = dates_of_newest(context);
    return state;
  });
}

std::optional<crdt::ClaimWinner> oldest_of_request(Connection& connection, const Codec& codec,
                                                   const Entry& entry,
                                                   std::optional<std::int64_t> before) {
  if (!claims_its_request(entry.envelope)) return std::nullopt;
  Use use = connection.use(
      "SELECT bytes FROM entries WHERE claim = ? AND position < ? ORDER BY position LIMIT 1");
  use.blob(1, entry.envelope.claim.view())
      .integer(2, before.value_or(std::numeric_limits<std::int64_t>::max()));
  if (!use.step()) return std::nullopt;
  auto older = codec.decode_entry(use.view_at(0));
  // A damaged index leads to some other entry.
  if (!older || older->envelope.claim != entry.envelope.claim) {
    throw SQLite::Exception("the first entry of a request is damaged", SQLITE_CORRUPT);
  }
  if (older->hash == entry.hash) return std::nullopt;
  return crdt::ClaimWinner{older->hash, std::move(older->envelope.stock_effects)};
}

std::optional<crdt::ClaimWinner> rival_above_fold(Connection& connection, const Codec& codec,
                                                  const Entry& entry,
                                                  std::optional<std::int64_t> before) {
  if (!claims_its_request(entry.envelope)) return std::nullopt;
  Use use = connection.use(
      "SELECT j.journal, e.number, e.bytes FROM entries e JOIN journals j ON j.ref = e.journal "
      "WHERE e.claim = ? AND e.position < ? ORDER BY e.position");
  use.blob(1, entry.envelope.claim.view())
      .integer(2, before.value_or(std::numeric_limits<std::int64_t>::max()));
  while (use.step()) {
    Use covered = connection.use("SELECT intervals FROM fold_covered WHERE journal = ?");
    covered.blob(1, use.view_at(0));
    if (covered.step() && intervals_of(covered.view_at(0)).contains(use.number_at(1))) continue;
    auto rival = codec.decode_entry(use.view_at(2));
    if (!rival) throw SQLite::Exception("a rival of a request is damaged", SQLITE_CORRUPT);
    if (rival->hash == entry.hash) continue;
    return crdt::ClaimWinner{rival->hash, std::move(rival->envelope.stock_effects)};
  }
  return std::nullopt;
}

Result<std::optional<crdt::ClaimWinner>> oldest_in_damaged(Connection& damaged, const Codec& codec,
                                                           const Entry& entry) {
  using Answer = Result<std::optional<crdt::ClaimWinner>>;
  return damaged.guarded("looking for the first entry of a request", [&]() -> Answer {
    return oldest_of_request(damaged, codec, entry, std::nullopt);
  });
}

Result<std::int64_t> folded_position(Connection& connection) {
  return connection.guarded("reading how far it is folded", [&]() -> Result<std::int64_t> {
    Use use = connection.use("SELECT position FROM folded");
    return use.step() ? use.integer_at(0) : 0;
  });
}

Status forget_fold(Connection& connection) {
  return connection.guarded("clearing the fold", [&]() -> Status {
    SQLite::Transaction transaction(connection.database(), SQLite::TransactionBehavior::IMMEDIATE);
    connection.execute(
        "DELETE FROM folded_journals; DELETE FROM folded_stock; DELETE FROM folded_claims;"
        "UPDATE folded SET position = 0, logical_clock = 0, "
        "last_receipt = 0, own_clock = 0, own_journal = NULL, own_number = 0, own_hash = NULL;");
    transaction.commit();
    return {};
  });
}

}  // namespace titan::mesh
