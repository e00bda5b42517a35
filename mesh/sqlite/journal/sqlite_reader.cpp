#include "mesh/sqlite/journal/sqlite_reader.h"

#include <algorithm>
#include <set>

#include "mesh/sqlite/file/entry_tables.h"
#include "mesh/sqlite/journal/fold.h"
#include "mesh/sqlite/journal/own_keys.h"

namespace titan::mesh {
namespace {

constexpr std::string_view looking_up = "looking up an entry";

// Columns: position, journal, number, hash, bytes.
StoredEntry stored_entry_at(const Use& row) {
  return {row.integer_at(0),
          {row.id_at<JournalId>(1).value_or(JournalId{}), row.number_at(2)},
          row.id_at<Hash>(3).value_or(Hash{}),
          row.bytes_at(4)};
}

std::vector<StoredEntry> all_rows(Use& use, std::size_t limit = read_entries_max) {
  std::vector<StoredEntry> entries;
  while (entries.size() < limit && use.step()) entries.push_back(stored_entry_at(use));
  return entries;
}

std::optional<std::int64_t> journal_ref(Connection& connection, const JournalId& journal) {
  Use use = connection.use("SELECT ref FROM journals WHERE journal = ?");
  use.blob(1, journal.view());
  if (!use.step()) return std::nullopt;
  return use.integer_at(0);
}

// The reverse of entry_key().
std::optional<EntryId> entry_of_key(BytesView key) {
  if (key.size() != JournalId::size + 8) return std::nullopt;
  EntryId id;
  id.journal = JournalId::from_bytes(key.substr(0, JournalId::size)).value_or(JournalId{});
  for (const char c : key.substr(JournalId::size)) {
    id.number = id.number << 8 | static_cast<unsigned char>(c);
  }
  return id;
}

// Takes entries until one would go beyond the limits; the first is taken whatever its size.
class BoundedEntries {
 public:
  explicit BoundedEntries(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  bool take(std::uint64_t number, BytesView bytes) {
    if (!entries_.empty() && bytes_ + bytes.size() > bytes_max_) return false;
    if (entries_.size() >= read_entries_max) return false;
    bytes_ += bytes.size();
    entries_.emplace_back(number, Bytes(bytes));
    return true;
  }
  std::vector<Bytes> ascending() && {
    std::stable_sort(entries_.begin(), entries_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Bytes> bytes;
    bytes.reserve(entries_.size());
    for (auto& entry : entries_) bytes.push_back(std::move(entry.second));
    return bytes;
  }

 private:
  const std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::vector<std::pair<std::uint64_t, Bytes>> entries_;
};

bool take_interval(Connection& connection, std::int64_t journal, const crdt::Interval& interval,
                   bool newest_first, BoundedEntries& entries) {
  Use use = connection.use(
      newest_first
          ? std::string_view("SELECT number, bytes FROM entries WHERE journal = ? AND number "
                             "BETWEEN ? AND ? ORDER BY number DESC, hash DESC")
          : std::string_view("SELECT number, bytes FROM entries WHERE journal = ? AND number "
                             "BETWEEN ? AND ? ORDER BY number, hash"));
  constexpr std::uint64_t number_max = INT64_MAX;  // as far as SQLite counts
  if (interval.first > number_max) return true;
  use.integer(1, journal).number(2, interval.first).number(3, std::min(interval.last, number_max));
  while (use.step()) {
    if (!entries.take(use.number_at(0), use.view_at(1))) return false;
  }
  return true;
}

// Products, settings and users: few among many, so their own index leads to them.
void take_state(Connection& connection, std::int64_t journal, const EntryQuery& query,
                BoundedEntries& entries) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> found;  // number, position
  {
    Use use = connection.use(
        "SELECT number, position FROM entries INDEXED BY entries_state WHERE kind IN (9, 10, 11, "
        "16, 17) AND journal = ?");
    use.integer(1, journal);
    while (use.step()) {
      if (query.numbers.contains(use.number_at(0))) {
        found.emplace_back(use.number_at(0), use.integer_at(1));
      }
    }
  }
  std::sort(found.begin(), found.end());
  if (query.newest_first) std::reverse(found.begin(), found.end());
  for (const auto& [number, position] : found) {
    Use use = connection.use("SELECT number, bytes FROM entries WHERE position = ?");
    use.integer(1, position);
    if (use.step() && !entries.take(use.number_at(0), use.view_at(1))) return;
  }
}

// Branches of a forked journal: rare, so one walk along the journal's index serves them all.
void take_hashes(Connection& connection, std::int64_t journal, const EntryQuery& query,
                 BoundedEntries& entries) {
  const std::set<Hash> wanted(query.hashes.begin(), query.hashes.end());
  std::vector<std::int64_t> positions;
  {
    Use use = connection.use(
        "SELECT position, number, hash FROM entries WHERE journal = ? ORDER BY number, hash");
    use.integer(1, journal);
    while (use.step()) {
      const auto hash = use.id_at<Hash>(2);
      if (hash && wanted.contains(*hash) && !query.numbers.contains(use.number_at(1))) {
        positions.push_back(use.integer_at(0));
      }
    }
  }
  for (const std::int64_t position : positions) {
    Use use = connection.use("SELECT number, bytes FROM entries WHERE position = ?");
    use.integer(1, position);
    if (use.step() && !entries.take(use.number_at(0), use.view_at(1))) return;
  }
}

}  // namespace

Result<std::unique_ptr<SqliteReader>> SqliteReader::open(const std::string& path) {
  auto connection = Connection::open({path, Connection::Mode::read_only, reader_cache_kilobytes});
  if (!connection) return connection.error();
  return std::make_unique<SqliteReader>(std::move(*connection));
}

Result<std::vector<Bytes>> SqliteReader::read_entries(const EntryQuery& query) {
  return connection_->guarded("reading entries", [&]() -> Result<std::vector<Bytes>> {
    const auto journal = journal_ref(*connection_, query.journal);
    if (!journal) return std::vector<Bytes>{};
    BoundedEntries entries(query.bytes_max);
    if (query.state_only) {
      take_state(*connection_, *journal, query, entries);
      return std::move(entries).ascending();
    }
    const auto& intervals = query.numbers.intervals();
    for (std::size_t i = 0; i < intervals.size(); ++i) {
      const auto& interval = intervals[query.newest_first ? intervals.size() - 1 - i : i];
      if (!take_interval(*connection_, *journal, interval, query.newest_first, entries)) {
        return std::move(entries).ascending();
      }
    }
    if (!query.hashes.empty()) take_hashes(*connection_, *journal, query, entries);
    return std::move(entries).ascending();
  });
}

Result<std::vector<std::pair<std::uint64_t, Hash>>> SqliteReader::hash_list(
    const JournalId& journal, std::uint64_t first, std::uint64_t last) {
  using List = std::vector<std::pair<std::uint64_t, Hash>>;
  return connection_->guarded("listing a journal", [&]() -> Result<List> {
    Use use = connection_->use(
        "SELECT number, hash FROM entries WHERE journal = (SELECT ref FROM journals WHERE "
        "journal = ?) AND number BETWEEN ? AND ? ORDER BY number, hash");
    use.blob(1, journal.view()).number(2, first).number(3, std::min(last, entry_number_max));
    List list;
    while (use.step()) list.emplace_back(use.number_at(0), use.id_at<Hash>(1).value_or(Hash{}));
    return list;
  });
}

Result<std::vector<StoredEntry>> SqliteReader::find_entry(const EntryId& id) {
  return connection_->guarded(looking_up, [&]() -> Result<std::vector<StoredEntry>> {
    Use use = connection_->use(
        "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM journals j JOIN entries e "
        "ON e.journal = j.ref WHERE j.journal = ? AND e.number = ? ORDER BY e.hash");
    use.blob(1, id.journal.view()).number(2, id.number);
    return all_rows(use);
  });
}

Result<std::optional<IdempotencyRecord>> SqliteReader::find_key(
    const std::string& idempotency_key) {
  return mesh::find_key(*connection_, idempotency_key);
}

Result<std::vector<StoredEntry>> SqliteReader::journal_entries(const JournalId& journal,
                                                               std::uint64_t from,
                                                               std::size_t limit) {
  return connection_->guarded("reading a journal", [&]() -> Result<std::vector<StoredEntry>> {
    if (from > INT64_MAX) return std::vector<StoredEntry>{};
    Use use = connection_->use(
        "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM journals j JOIN entries e "
        "ON e.journal = j.ref WHERE j.journal = ? AND e.number >= ? ORDER BY e.number, e.hash");
    use.blob(1, journal.view()).number(2, from);
    return all_rows(use, std::min(limit, read_entries_max));
  });
}

Result<std::vector<StoredEntry>> SqliteReader::entries_after(std::int64_t position,
                                                             std::size_t limit,
                                                             std::uint64_t bytes_max) {
  return connection_->guarded("reading what arrived", [&]() -> Result<std::vector<StoredEntry>> {
    Use use = connection_->use(
        "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM entries e JOIN journals j "
        "ON j.ref = e.journal WHERE e.position > ? ORDER BY e.position");
    use.integer(1, position);
    std::vector<StoredEntry> entries;
    std::uint64_t bytes = 0;
    while (entries.size() < std::min(limit, read_entries_max) && use.step()) {
      bytes += use.view_at(4).size();
      if (!entries.empty() && bytes > bytes_max) break;
      entries.push_back(stored_entry_at(use));
    }
    return entries;
  });
}

Result<std::vector<StoredEntry>> SqliteReader::find_by_receipt(const std::string& terminal,
                                                               std::uint64_t number) {
  return connection_->guarded(looking_up, [&]() -> Result<std::vector<StoredEntry>> {
    Use use = connection_->use(
        "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM entries e JOIN journals j "
        "ON j.ref = e.journal WHERE e.receipt_number = ? AND j.terminal = ? ORDER BY e.position");
    use.number(1, number).text(2, terminal);
    return all_rows(use);
  });
}

Result<std::vector<StoredEntry>> SqliteReader::entries_with_claim(const Hash& claim) {
  return connection_->guarded(looking_up, [&]() -> Result<std::vector<StoredEntry>> {
    Use use = connection_->use(
        "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM entries e JOIN journals j "
        "ON j.ref = e.journal WHERE e.claim = ? ORDER BY e.hash");
    use.blob(1, claim.view());
    return all_rows(use);
  });
}

Result<std::vector<StoredEntry>> SqliteReader::entries_about(const EntryId& original, Kind kind) {
  return connection_->guarded(looking_up, [&]() -> Result<std::vector<StoredEntry>> {
    const Bytes key = entry_key(original);
    Use use = connection_->use(
        "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM entries e JOIN journals j "
        "ON j.ref = e.journal WHERE e.original = ? AND e.kind = ? ORDER BY e.position");
    use.blob(1, key).integer(2, static_cast<std::int64_t>(kind));
    return all_rows(use);
  });
}

Result<std::vector<StoredEntry>> SqliteReader::entries_of_move_in(const MoveInId& move_in,
                                                                  Kind kind,
                                                                  std::int64_t after_position,
                                                                  std::size_t limit) {
  return connection_->guarded("reading a move-in", [&]() -> Result<std::vector<StoredEntry>> {
    Use use = connection_->use(
        "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM journals j JOIN entries e "
        "ON j.ref = e.journal WHERE e.original = ? AND e.kind = ? AND e.position > ? ORDER BY "
        "e.position");
    use.blob(1, move_in.view()).integer(2, static_cast<std::int64_t>(kind));
    use.integer(3, after_position);
    return all_rows(use, std::min(limit, read_entries_max));
  });
}

Result<std::uint64_t> SqliteReader::count_of_move_in(const MoveInId& move_in, Kind kind) {
  return connection_->guarded("reading a move-in", [&]() -> Result<std::uint64_t> {
    Use use = connection_->use("SELECT count(*) FROM entries WHERE original = ? AND kind = ?");
    use.blob(1, move_in.view()).integer(2, static_cast<std::int64_t>(kind));
    return use.step() ? use.number_at(0) : 0;
  });
}

Result<std::vector<StoredEntry>> SqliteReader::firsts_of_move_in(const MoveInId& move_in) {
  return connection_->guarded("reading a move-in", [&]() -> Result<std::vector<StoredEntry>> {
    // By number, not by arrival: entries of other terminals come in any order.
    Use use = connection_->use(
        "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM (SELECT journal, min(number) "
        "AS number FROM entries WHERE original = ? AND kind IN (8, 18) GROUP BY journal) f JOIN "
        "entries e ON e.journal = f.journal AND e.number = f.number JOIN journals j ON j.ref = "
        "e.journal ORDER BY e.position");
    use.blob(1, move_in.view());
    return all_rows(use);
  });
}

Result<std::vector<StoredEntry>> SqliteReader::find_by_former_receipt(const std::string& receipt) {
  return connection_->guarded(looking_up, [&]() -> Result<std::vector<StoredEntry>> {
    Use use = connection_->use(
        "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM former_receipts f JOIN "
        "entries e ON e.position = f.position JOIN journals j ON j.ref = e.journal WHERE "
        "f.receipt = ? ORDER BY e.position");
    use.text(1, receipt);
    return all_rows(use);
  });
}

Result<std::vector<StoredEntry>> SqliteReader::newest_sales_of(const DeviceId& device) {
  return connection_->guarded(looking_up, [&]() -> Result<std::vector<StoredEntry>> {
    std::vector<std::int64_t> journals;
    {
      Use use = connection_->use("SELECT ref FROM journals WHERE device = ?");
      use.blob(1, device.view());
      while (use.step()) journals.push_back(use.integer_at(0));
    }
    std::vector<StoredEntry> newest;
    for (const std::int64_t journal : journals) {
      Use use = connection_->use(
          "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM entries e JOIN journals j "
          "ON j.ref = e.journal WHERE e.journal = ? AND e.kind IN (1, 2) ORDER BY e.number DESC "
          "LIMIT 1");
      use.integer(1, journal);
      if (use.step()) newest.push_back(stored_entry_at(use));
    }
    return newest;
  });
}

Result<std::optional<StoredEntry>> SqliteReader::refund_of_move_in(const MoveInId& move_in) {
  using Found = std::optional<StoredEntry>;
  return connection_->guarded("reading a move-in", [&]() -> Result<Found> {
    // Refunds are few, the sales of a move-in are not: each refund's original is looked up.
    std::vector<std::pair<std::int64_t, Bytes>> refunds;
    {
      Use use = connection_->use(
          "SELECT position, original FROM entries INDEXED BY entries_refunds WHERE kind = 2 AND "
          "original IS NOT NULL ORDER BY original");
      while (use.step()) refunds.emplace_back(use.integer_at(0), use.bytes_at(1));
    }
    for (const auto& [position, original] : refunds) {
      const auto sale = entry_of_key(original);
      if (!sale) continue;
      {
        Use use = connection_->use(
            "SELECT 1 FROM entries e JOIN journals j ON j.ref = e.journal WHERE j.journal = ? AND "
            "e.number = ? AND e.original = ? AND e.kind = 18");
        use.blob(1, sale->journal.view()).number(2, sale->number).blob(3, move_in.view());
        if (!use.step()) continue;
      }
      Use use = connection_->use(
          "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM entries e JOIN journals j "
          "ON j.ref = e.journal WHERE e.position = ?");
      use.integer(1, position);
      if (use.step()) return Found(stored_entry_at(use));
    }
    return Found{};
  });
}

Result<std::vector<StoredEntry>> SqliteReader::sales_of(std::uint32_t business_date,
                                                        std::int64_t after_position,
                                                        std::size_t limit) {
  return connection_->guarded("listing a day", [&]() -> Result<std::vector<StoredEntry>> {
    Use use = connection_->use(
        "SELECT e.position, j.journal, e.number, e.hash, e.bytes FROM entries e JOIN journals j "
        "ON j.ref = e.journal WHERE e.business_date = ? AND e.kind IN (1, 2, 3, 18) "
        "AND e.position > ? ORDER BY e.position");
    use.integer(1, business_date).integer(2, after_position);
    return all_rows(use, std::min(limit, read_entries_max));
  });
}

Result<std::vector<StoredJournal>> SqliteReader::journals() {
  return connection_->guarded("listing journals", [&]() -> Result<std::vector<StoredJournal>> {
    Use use = connection_->use("SELECT journal, device, terminal FROM journals ORDER BY ref");
    std::vector<StoredJournal> journals;
    while (use.step()) {
      journals.push_back({use.id_at<JournalId>(0).value_or(JournalId{}),
                          use.id_at<DeviceId>(1).value_or(DeviceId{}), use.bytes_at(2)});
    }
    return journals;
  });
}

Result<std::int64_t> SqliteReader::newest_position() {
  return connection_->guarded(looking_up, [&]() -> Result<std::int64_t> {
    Use use = connection_->use("SELECT max(position) FROM entries");
    return use.step() ? use.integer_at(0) : 0;
  });
}

Result<std::uint64_t> SqliteReader::entry_count() {
  return connection_->guarded("counting entries", [&]() -> Result<std::uint64_t> {
    Use use = connection_->use("SELECT count(*) FROM entries");
    return use.step() ? use.number_at(0) : 0;
  });
}

Result<std::optional<Watermark>> SqliteReader::watermark() {
  using Statement = std::optional<Watermark>;
  return connection_->guarded("reading what the cloud holds",
                              [&]() -> Result<Statement> { return read_statement(*connection_); });
}

Result<crdt::IntervalSet> SqliteReader::held_by_cloud(const JournalId& journal) {
  return connection_->guarded("reading what the cloud holds", [&]() -> Result<crdt::IntervalSet> {
    return read_held_by_cloud(*connection_, journal);
  });
}

Result<std::optional<StoredProduct>> SqliteReader::product(const std::string& sku) {
  return connection_->guarded(
      "looking up a product",
      [&]() -> Result<std::optional<StoredProduct>> { return products_.product(sku); });
}

Result<std::vector<StoredProduct>> SqliteReader::products_by_gtin(std::string_view code) {
  return connection_->guarded("looking up a barcode", [&]() -> Result<std::vector<StoredProduct>> {
    return products_.products_by_gtin(code);
  });
}

Result<ProductPage> SqliteReader::search_products(std::string_view text, std::size_t limit,
                                                  const std::string& after) {
  return connection_->guarded("searching products", [&]() -> Result<ProductPage> {
    return products_.search(text, limit, after);
  });
}

Result<ProductPage> SqliteReader::list_products(std::size_t limit, const std::string& after) {
  return connection_->guarded(
      "listing products", [&]() -> Result<ProductPage> { return products_.list(limit, after); });
}

Result<std::uint64_t> SqliteReader::product_count() {
  return connection_->guarded("counting products",
                              [&]() -> Result<std::uint64_t> { return products_.count(); });
}

Result<std::map<std::string, std::int64_t>> SqliteReader::low_stock_limits() {
  using Limits = std::map<std::string, std::int64_t>;
  return connection_->guarded("reading stock limits", [&]() -> Result<Limits> {
    Use use = connection_->use(
        "SELECT sku, low_stock_micro FROM products WHERE low_stock_micro IS NOT NULL ORDER BY "
        "sku");
    Limits limits;
    while (use.step()) limits.emplace_hint(limits.end(), use.bytes_at(0), use.integer_at(1));
    return limits;
  });
}

Result<ProductLayers> SqliteReader::product_layers(const std::string& sku) {
  return connection_->guarded("looking up a product", [&]() -> Result<ProductLayers> {
    return ProductLayers{products_.layer(sku, 0), products_.layer(sku, 1), products_.product(sku)};
  });
}

Result<std::int64_t> SqliteReader::product_changed_ms(const std::string& sku) {
  return connection_->guarded("looking up a product", [&]() -> Result<std::int64_t> {
    Use use = connection_->use(
        "SELECT l.stamp FROM products p JOIN layers l ON l.kind = 9 AND l.name = p.sku "
        "AND l.layer = p.overridden WHERE p.sku = ?");
    use.text(1, sku);
    if (!use.step()) return 0;
    // The stamp begins with the logical clock: milliseconds, then a counter of 16 bits.
    std::int64_t milliseconds = 0;
    for (const char byte : use.view_at(0).substr(0, 6)) {
      milliseconds = milliseconds << 8 | static_cast<unsigned char>(byte);
    }
    return milliseconds;
  });
}

Result<std::string> SqliteReader::projection_basis() {
  return connection_->guarded("reading its settings", [&]() -> Result<std::string> {
    Use use = connection_->use("SELECT value FROM meta WHERE name = 'projection_basis'");
    return use.step() ? use.bytes_at(0) : std::string();
  });
}

Result<std::map<std::string, std::string>> SqliteReader::settings() {
  return connection_->guarded(
      "reading settings",
      [&]() -> Result<std::map<std::string, std::string>> { return products_.settings(); });
}

Result<std::vector<Bytes>> SqliteReader::users() {
  return connection_->guarded("reading users",
                              [&]() -> Result<std::vector<Bytes>> { return products_.users(); });
}

}  // namespace titan::mesh
