#include "mesh/sqlite/journal/signed_folds.h"

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include <algorithm>

#include "mesh/journal/idempotency.h"
#include "mesh/sqlite/file/blobs.h"
#include "mesh/sqlite/journal/fold_tables.h"

namespace titan::mesh {
namespace {

// Read in one piece of work, some 10 us each.
constexpr std::int64_t entries_at_once = 200;
// Looked for in one piece, some 10 us each and more for long journals.
constexpr std::size_t works_at_once = 200;
// Of a fold that differs: so many are named, the rest is more of the same.
constexpr std::size_t differences_told_max = 5;

using Sums = std::map<std::string, crdt::StockSum>;

void add(Sums& sums, const std::vector<crdt::StockEffect>& effects) {
  for (const auto& effect : effects) {
    sums[effect.product].added += effect.added;
    sums[effect.product].removed += effect.removed;
  }
}

void subtract(Sums& sums, const std::vector<crdt::StockEffect>& effects) {
  for (const auto& effect : effects) {
    sums[effect.product].added -= effect.added;
    sums[effect.product].removed -= effect.removed;
  }
}

crdt::StockSum plus(const crdt::StockSum& a, const crdt::StockSum& b) {
  return {a.added + b.added, a.removed + b.removed};
}

std::string in_pieces(std::int64_t units) {
  const bool is_negative = units < 0;
  const std::uint64_t size =
      is_negative ? 0 - static_cast<std::uint64_t>(units) : static_cast<std::uint64_t>(units);
  std::string text = (is_negative ? "-" : "") + std::to_string(size / 1'000'000);
  if (size % 1'000'000 == 0) return text;
  const std::string decimals = std::to_string(1'000'000 + size % 1'000'000).substr(1);
  return text + "." + decimals.substr(0, decimals.find_last_not_of('0') + 1);
}

// Of several entries of one claim.
void prefer_smallest(std::optional<crdt::ClaimWinner>& winner, const crdt::ClaimWinner& other) {
  if (!winner || other.entry_hash < winner->entry_hash) winner = other;
}

}  // namespace

std::string describe(const FoldVerdict& verdict) {
  const std::string fold = "head office's count " + std::to_string(verdict.number) + " of " +
                           std::to_string(verdict.entries) + " entries";
  switch (verdict.outcome) {
    case FoldVerdict::Outcome::same:
      return fold + " is what this terminal's entries come to";
    case FoldVerdict::Outcome::unchecked:
      return fold +
             " was taken unchecked: of a journal that was written twice it knows other "
             "entries than this terminal";
    case FoldVerdict::Outcome::adopted:
      return fold + " is where this terminal began";
    case FoldVerdict::Outcome::refused:
      return fold + " cannot be read, or lacks what an earlier one had; it is left out";
    case FoldVerdict::Outcome::differs:
      break;
  }
  std::string text = fold + " differs from what the same entries come to here";
  for (const auto& [product, here, there] : verdict.products) {
    text += "; " + product + ": " + in_pieces(here) + " here, " + in_pieces(there) + " there";
  }
  return text + "; this terminal keeps its figures";
}

// ---- a comparison under way ---------------------------------------------------------------------

struct SignedFolds::Comparison {
  // Numbers of a journal that the fold is the first to cover, and what their hashes add up to.
  struct Work {
    JournalId journal;
    std::int64_t ref = 0;  // of journals; 0: not looked for yet
    crdt::IntervalSet numbers;
    crdt::ContentSum content;

    bool find_all(Connection& connection);  // whether each number is here
  };

  std::int64_t position = 0;  // of the FOLD
  Fold fold;
  FoldContent content;
  PresentFold before;
  std::vector<DeviceJournals> changed;           // of the content's, those that are not as before
  std::map<JournalId, crdt::IntervalSet> added;  // of all works

  std::vector<Work> works;
  std::size_t complete = 0;  // so many are known to be here; none is read before all are, since
                             // what a claim comes to depends on entries of other journals
  std::size_t at = 0;        // the one under way
  std::uint64_t next_number = 0;    // of it, to be read; 0: not begun
  crdt::ContentSum content_so_far;  // of it

  Sums moved;              // by the entries read so far
  std::set<Hash> settled;  // claims of theirs
  bool is_checked = true;

  bool covers_now(Connection& connection, const EntryId& id) const {
    const auto found = added.find(id.journal);
    return (found != added.end() && found->second.contains(id.number)) ||
           read_covered(connection, id.journal).stored.contains(id.number);
  }
};

namespace {

// What the claim's entries came to under the present fold, and come to under the next.
void settle_claim(Connection& connection, const Codec& codec, const Hash& claim, auto&& covers_now,
                  Sums& moved) {
  std::optional<crdt::ClaimWinner> before = read_fold_claim(connection, claim);
  std::optional<crdt::ClaimWinner> now = before;
  Use use = connection.use(
      "SELECT j.journal, e.number, e.bytes FROM entries e JOIN journals j ON j.ref = e.journal "
      "WHERE e.claim = ?");
  use.blob(1, claim.view());
  while (use.step()) {
    const EntryId id{use.id_at<JournalId>(0).value_or(JournalId{}), use.number_at(1)};
    if (!covers_now(id)) continue;
    auto entry = codec.decode_entry(use.view_at(2));
    if (!entry) throw SQLite::Exception("an entry of a claim is damaged", SQLITE_CORRUPT);
    const crdt::ClaimWinner winner{entry->hash, std::move(entry->envelope.stock_effects)};
    if (read_covered(connection, id.journal).stored.contains(id.number)) {
      prefer_smallest(before, winner);
    }
    prefer_smallest(now, winner);
  }
  if (before) subtract(moved, before->effects);
  if (now) add(moved, now->effects);
}

}  // namespace

SignedFolds::SignedFolds(Connection& connection, const Codec& codec, const DeviceId& cloud_device)
    : connection_(connection), codec_(codec), cloud_device_(cloud_device) {}

SignedFolds::~SignedFolds() = default;

void SignedFolds::note(const Entry& entry, std::int64_t position) {
  const Envelope& envelope = entry.envelope;
  if (envelope.kind != Kind::fold || envelope.device != cloud_device_) return;
  const auto fold = parse_fold(envelope.body);
  if (!fold) return;
  Use use = connection_.use(
      "INSERT INTO folds(position, number, base, base_hash, content_hash, entries, stock_digest, "
      "signed_ms, state) VALUES(?, ?, ?, ?, ?, ?, ?, ?, 0)");
  use.integer(1, position)
      .number(2, fold->number)
      .number(3, fold->base)
      .blob(4, fold->base_hash.view())
      .blob(5, fold->content.hash.view())
      .number(6, fold->entries)
      .number(7, fold->stock_digest)
      .integer(8, envelope.time.utc_ms)
      .run();
}

SignedFolds::Step SignedFolds::advance(std::int64_t newest_position) {
  if (lacking_at_ == newest_position) return {};
  if (comparison_) return compare_some(newest_position);
  comparison_ = begin();
  if (comparison_ && comparison_->position == 0) return refuse(comparison_->fold.number);
  if (!comparison_) lacking_at_ = newest_position;
  return {comparison_ != nullptr, std::nullopt};
}

SignedFolds::Step SignedFolds::refuse(std::uint64_t number) {
  comparison_.reset();
  return {true, FoldVerdict{number, 0, FoldVerdict::Outcome::refused, {}}};
}

// The first that can follow the present one, with all its parts here.
std::unique_ptr<SignedFolds::Comparison> SignedFolds::begin() {
  const PresentFold present = read_present_fold(connection_);
  std::vector<std::int64_t> candidates;
  {
    Use use = connection_.use(
        "SELECT position FROM folds WHERE state = 0 AND number > ?1 AND (base = 0 OR base = ?1 AND "
        "base_hash = ?2) ORDER BY number, position");
    use.number(1, present.number).blob(2, present.content_hash.view());
    while (use.step()) candidates.push_back(use.integer_at(0));
  }
  for (const std::int64_t position : candidates) {
    auto waiting = read_waiting(connection_, codec_, position);
    if (!waiting) continue;
    auto comparison = std::make_unique<Comparison>();
    comparison->fold = waiting->fold;
    comparison->before = present;
    if (!waiting->content || !list_works(*comparison, std::move(*waiting->content))) {
      set_fate(connection_, position, FoldFate::refused);
      return comparison;
    }
    comparison->position = position;
    return comparison;
  }
  return nullptr;
}

// False: it does not contain the present fold.
bool SignedFolds::list_works(Comparison& comparison, FoldContent content) {
  std::int64_t known = 0;
  for (const auto& [device, journals] : content.journals) {
    for (const auto& [journal, item] : journals) {
      const crdt::VectorItem before = read_covered(connection_, journal);
      if (!item.stored.contains(before.stored)) return false;
      known += before.stored.empty() ? 0 : 1;
      if (before == item) continue;
      comparison.changed.push_back({device, {{journal, item}}});
      Comparison::Work work{journal, 0, item.stored.minus(before.stored), item.content};
      work.content.subtract(before.content);
      if (work.numbers.empty()) {
        // A branch of a number that was covered already.
        if (!work.content.is_zero()) comparison.is_checked = false;
        continue;
      }
      comparison.added[journal] = work.numbers;
      comparison.works.push_back(std::move(work));
    }
  }
  comparison.content = std::move(content);
  return comparison.fold.base != 0 ||
         known == connection_.single_number("SELECT count(*) FROM fold_covered");
}

bool SignedFolds::Comparison::Work::find_all(Connection& connection) {
  Use use = connection.use("SELECT ref FROM journals WHERE journal = ?");
  use.blob(1, journal.view());
  if (!use.step()) return false;
  ref = use.integer_at(0);
  for (const crdt::Interval& interval : numbers.intervals()) {
    Use count = connection.use(
        "SELECT count(DISTINCT number) FROM entries WHERE journal = ? AND number BETWEEN ? AND ?");
    count.integer(1, ref).number(2, interval.first).number(3, interval.last);
    if (!count.step() || count.number_at(0) != interval.count()) return false;
  }
  return true;
}

SignedFolds::Step SignedFolds::compare_some(std::int64_t newest_position) {
  Comparison& now = *comparison_;
  for (std::size_t left = works_at_once; now.complete < now.works.size(); ++now.complete) {
    if (left-- == 0) return {true, std::nullopt};
    if (now.works[now.complete].find_all(connection_)) continue;
    lacking_at_ = newest_position;
    return {};
  }
  if (now.at == now.works.size()) {
    const FoldVerdict verdict = take(now);
    comparison_.reset();
    return {true, verdict};
  }
  // Journals are many and short in some stores, few and long in others.
  for (std::int64_t left = entries_at_once; left > 0 && now.at < now.works.size();) {
    left -= 1 + read_some(now, left);
  }
  return {true, std::nullopt};
}

// Of the present work; answers how many entries it read. All branches of a number in one piece.
std::int64_t SignedFolds::read_some(Comparison& now, std::int64_t entries_max) {
  const Comparison::Work& work = now.works[now.at];
  if (now.next_number == 0) {
    now.next_number = work.numbers.intervals().front().first;
    now.content_so_far = {};
  }
  std::vector<Entry> entries;
  bool is_end = true;
  {
    Use use = connection_.use(
        "SELECT number, bytes FROM entries WHERE journal = ? AND number >= ? ORDER BY number, "
        "hash");
    use.integer(1, work.ref).number(2, now.next_number);
    while (use.step()) {
      const std::uint64_t number = use.number_at(0);
      const bool is_next = number != now.next_number;
      now.next_number = number;
      if (is_next && static_cast<std::int64_t>(entries.size()) >= entries_max) {
        is_end = false;
        break;
      }
      if (number > work.numbers.top()) break;
      if (!work.numbers.contains(number)) continue;
      auto entry = codec_.decode_entry(use.view_at(1));
      if (!entry) throw SQLite::Exception("an entry of a fold is damaged", SQLITE_CORRUPT);
      entries.push_back(std::move(*entry));
    }
  }
  for (const Entry& entry : entries) {
    now.content_so_far.add(crdt::ContentSum::of(entry.hash));
    const Hash& claim = entry.envelope.claim;
    if (claim.is_none() || is_beside_stock(entry)) {
      add(now.moved, entry.envelope.stock_effects);
    } else if (now.settled.insert(claim).second) {
      settle_claim(
          connection_, codec_, claim,
          [&](const EntryId& id) { return now.covers_now(connection_, id); }, now.moved);
    }
  }
  if (is_end) {
    if (now.content_so_far != work.content) now.is_checked = false;
    ++now.at;
    now.next_number = 0;
  }
  return static_cast<std::int64_t>(entries.size());
}

// ---- the end of it ------------------------------------------------------------------------------

namespace {

// What the fold says of every product that it changes; a whole one also drops products.
std::map<std::string, crdt::StockSum> told_sums(Connection& connection, const Fold& fold,
                                                const FoldContent& content) {
  std::map<std::string, crdt::StockSum> told(content.sums.begin(), content.sums.end());
  if (fold.base != 0) return told;
  Use use = connection.use("SELECT product FROM fold_stock");
  while (use.step()) told.try_emplace(use.bytes_at(0));
  return told;
}

}  // namespace

// In one transaction: the tables speak of this fold from here on.
FoldVerdict SignedFolds::take(const Comparison& done) {
  FoldVerdict verdict{done.fold.number, done.fold.entries, FoldVerdict::Outcome::same, {}};
  SQLite::Transaction transaction(connection_.database(), SQLite::TransactionBehavior::IMMEDIATE);
  Sums told = told_sums(connection_, done.fold, done.content);
  for (const auto& [product, moved] : done.moved) {
    if (moved != crdt::StockSum{}) told.try_emplace(product, read_fold_sum(connection_, product));
  }
  std::uint64_t digest = done.before.stock_digest;
  bool differs = false;
  for (const auto& [product, there] : told) {
    const crdt::StockSum before = read_fold_sum(connection_, product);
    const auto moved = done.moved.find(product);
    const crdt::StockSum here = moved == done.moved.end() ? before : plus(before, moved->second);
    digest += crdt::product_digest(product, there) - crdt::product_digest(product, before);
    if (there != before) keep_fold_sum(connection_, product, there);
    if (here == there) continue;
    differs = true;
    if (verdict.products.size() < differences_told_max) {
      verdict.products.push_back({product, here.on_hand(), there.on_hand()});
    }
  }
  if (digest != done.fold.stock_digest) differs = true;
  for (const auto& [device, journals] : done.changed) {
    for (const JournalItem& journal : journals) keep_covered(connection_, device, journal);
  }
  for (const auto& [claim, winner] : done.content.claims)
    keep_fold_claim(connection_, claim, winner);
  for (const auto& [journal, numbers] : done.added) {
    const Bytes intervals = bytes_of(numbers);
    Use use = connection_.use(
        "INSERT OR REPLACE INTO fold_steps(fold, journal, intervals) VALUES(?, ?, ?)");
    use.number(1, done.fold.number).blob(2, journal.view()).blob(3, intervals).run();
  }
  if (!done.is_checked) {
    verdict.outcome = FoldVerdict::Outcome::unchecked;
    verdict.products.clear();
  } else if (differs) {
    verdict.outcome = FoldVerdict::Outcome::differs;
  }
  set_fate(connection_, done.position,
           !done.is_checked ? FoldFate::unchecked
           : differs        ? FoldFate::differs
                            : FoldFate::same);
  transaction.commit();
  return verdict;
}

}  // namespace titan::mesh
