// Corrupt files: set aside, every entry that can still be proven is in the new one.
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "fixture.h"
#include "mesh/sqlite/file/page_scan.h"
#include "mesh/sqlite/journal/recovery.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::uint64_t first_entry_page = 60;  // the schema and the small tables lie in front

StoreOptions options_of(const std::string& path) {
  StoreOptions options;
  options.path = path;
  return options;
}

void overwrite_page(const std::string& path, std::uint64_t page, Random& random) {
  Bytes rubbish;
  while (rubbish.size() < page_bytes) rubbish.push_back(static_cast<char>(random.next()));
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  REQUIRE(
      pwrite(file, rubbish.data(), rubbish.size(), static_cast<off_t>((page - 1) * page_bytes)) ==
      static_cast<ssize_t>(rubbish.size()));
  ::close(file);
}

StoredWatermark watermark_of(const Bytes& statement, char journal, bool is_whole = true) {
  return {Watermark{statement, Signature{}, key_of(9).public_key},
          is_whole,
          {{device_of_seed(1),
            {{*JournalId::from_bytes(Bytes(16, journal)),
              {crdt::IntervalSet({{1, 5}}), crdt::ContentSum{5, 6}}}}}}};
}

std::set<Hash> hashes_in(SqliteStore& store) {
  std::set<Hash> hashes;
  auto reader = must(store.open_reader());
  std::int64_t position = 0;
  for (;;) {
    const auto entries = must(reader->entries_after(position, 1000, 1 << 26));
    if (entries.empty()) return hashes;
    for (const auto& entry : entries) hashes.insert(entry.hash);
    position = entries.back().position;
  }
}

}  // namespace

TEST_CASE("pages overwritten with rubbish cost their own entries and no others") {
  const std::uint64_t seed = GENERATE(1, 2, 3);
  Random random(seed);
  TempFolder folder;
  Till one(1);
  Till two(2);
  std::map<Hash, EntryPointer> written;
  std::uint64_t pages = 0;
  const election::Promise promise{4, ProcessId::draw(random)};
  {
    auto store = open_store(folder.file());
    StoreRequest small;
    small.promise = promise;
    small.watermark = watermark_of("statement", 'j');
    must(store->commit(small));
    for (int i = 0; i < 400; ++i) {
      Till& till = i % 3 == 0 ? two : one;
      std::vector<Item> items;
      for (std::uint64_t k = 0; k <= random.below(60); ++k)
        items.push_back({"S" + std::to_string(k), 1});
      const auto entry = till.sale(items, "key-" + std::to_string(i));
      written[entry->hash] = entry;
      must(store->commit(request_of({entry})));
    }
    must(store->close());
    pages = static_cast<std::uint64_t>(number(*store, "PRAGMA page_count"));
  }
  const bool first_page_too = seed == 3;
  if (first_page_too) overwrite_page(folder.file(), 1, random);
  for (int i = 0; i < 12; ++i) {
    overwrite_page(folder.file(), first_entry_page + random.below(pages - first_entry_page),
                   random);
  }

  const RecoveryReport report =
      must(recover(options_of(folder.file()), identity(), codec(), "20111006T091700Z"));
  CHECK(std::filesystem::exists(report.set_aside));
  CHECK(report.set_aside.find("20111006T091700Z") != std::string::npos);
  auto store = open_store(folder.file());
  must(store->check_file());
  const std::set<Hash> found = hashes_in(*store);
  for (const Hash& hash : found) CHECK(written.contains(hash));
  CHECK(report.entries_recovered == found.size());
  INFO("recovered " << found.size() << " of 400, " << report.first_rejection);
  // Twelve pages of a file whose entries fill most of it: at most a few entries each.
  CHECK(found.size() >= 330);
  CHECK(found.size() < 400);
  const StoredState state = must(store->load());
  CHECK(state.vector.entry_count() == found.size());
  if (first_page_too) return;
  CHECK(state.promise == promise);
  CHECK(state.watermark == watermark_of("statement", 'j'));
}

TEST_CASE("entries that were only in the write-ahead log are recovered") {
  TempFolder folder;
  Till till(1);
  Till late(2);
  {
    auto store = open_store(folder.file());
    std::vector<EntryPointer> entries;
    for (int i = 0; i < 50; ++i) entries.push_back(till.sale({{"A", 1}}));
    must(store->commit(request_of(entries)));
    // Copies of the files as a power cut leaves them, with the log beside the file.
    std::filesystem::copy_file(folder.file(), folder.file("cut.sqlite3"));
    std::filesystem::copy_file(folder.file() + "-wal", folder.file("cut.sqlite3-wal"));
  }
  const RecoveryReport report =
      must(recover(options_of(folder.file("cut.sqlite3")), identity(), codec(), "x"));
  CHECK(report.entries_recovered == 50);
  CHECK(report.entries_rejected == 0);
  CHECK(must(open_store(folder.file("cut.sqlite3"))->load()).vector.entry_count() == 50);
}

TEST_CASE("an entry whose bytes were changed together with its stored hash is not taken over") {
  TempFolder folder;
  Till till(1);
  const auto good = till.sale({{"A", 1}});
  const auto forged_from = till.sale({{"A", 1}});
  {
    auto store = open_store(folder.file());
    must(store->commit(request_of({good, forged_from})));
    // Somebody with an editor: another quantity, the hash made to fit, the signature of the old.
    Envelope envelope = forged_from->envelope;
    envelope.stock_effects = {{"A", 999, 0}};
    const Bytes bytes =
        codec().encode_signed_entry(codec().encode_envelope(envelope), forged_from->signature);
    const Hash hash = blake2b(bytes);
    SQLite::Statement forge(store->connection().database(),
                            "UPDATE entries SET bytes = ?, hash = ? WHERE number = 2");
    forge.bind(1, bytes.data(), static_cast<int>(bytes.size()));
    forge.bind(2, hash.bytes.data(), Hash::size);
    REQUIRE(forge.exec() == 1);
    must(store->close());
  }
  const RecoveryReport report = must(recover(options_of(folder.file()), identity(), codec(), "x"));
  CHECK(report.entries_recovered == 1);
  CHECK(report.entries_rejected == 1);
  CHECK_FALSE(report.first_rejection.empty());
}

TEST_CASE("a changed letter in the list of tables is damage, and the entries are recovered") {
  const auto [of_table, from, to] = GENERATE(
      table<std::string, std::string, std::string>({{"folded_claims", "entry_hash", "entry_hasx"},
                                                    {"entries", "business_date", "businezs_date"},
                                                    {"promise", "promise", "promisf"}}));
  TempFolder folder;
  {
    auto store = open_store(folder.file());
    Till till(1);
    must(store->commit(request_of({till.sale({{"A", 1}}), till.sale({{"A", 1}})})));
    must(store->close());
    store->connection().execute("PRAGMA writable_schema = ON");
    store->connection().execute("UPDATE sqlite_schema SET name = replace(name, '" + from + "', '" +
                                to + "'), tbl_name = replace(tbl_name, '" + from + "', '" + to +
                                "'), sql = replace(sql, '" + from + "', '" + to +
                                "') WHERE tbl_name = '" + of_table + "'");
  }
  Status opened;
  {
    auto store = SqliteStore::open(options_of(folder.file()), identity(), codec());
    opened = store ? Status{} : Status(store.error());
    if (store) {
      const auto state = (*store)->load();
      if (!state) opened = state.error();
      if (opened) {
        Till till(1);
        StoreRequest request = request_of({till.sale({{"A", 1}})});
        request.promise = election::Promise{1, {}};
        opened = (*store)->commit(request);
      }
    }
  }
  REQUIRE_FALSE(opened.has_value());
  INFO(opened.error().message);
  CHECK(opened.error().code == ErrorCode::corrupt);
  const RecoveryReport report = must(recover(options_of(folder.file()), identity(), codec(), "x"));
  CHECK(report.entries_recovered == 2);
}

TEST_CASE("a file of nothing but rubbish recovers as an empty store") {
  TempFolder folder;
  Random random(4);
  {
    std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(folder.file().c_str(), "w"), fclose);
    fputs("x", file.get());
  }
  for (std::uint64_t page = 1; page <= 40; ++page) overwrite_page(folder.file(), page, random);
  const RecoveryReport report = must(recover(options_of(folder.file()), identity(), codec(), "x"));
  CHECK(report.entries_recovered == 0);
  auto store = open_store(folder.file());
  Till till(1);
  must(store->commit(request_of({till.sale({{"A", 1}})})));
}

TEST_CASE("reading pages never trusts a byte: leaf pages of random cells") {
  TempFolder folder;
  Random random(11);
  for (int round = 0; round < 60; ++round) {
    {
      std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(folder.file("r").c_str(), "w"), fclose);
      fputs("x", file.get());
    }
    for (std::uint64_t page = 1; page <= 4; ++page) overwrite_page(folder.file("r"), page, random);
    const int file = ::open(folder.file("r").c_str(), O_WRONLY | O_CLOEXEC);
    const unsigned char leaf = 0x0d;
    for (off_t at : {100, 4096, 8192, 12288}) REQUIRE(pwrite(file, &leaf, 1, at) == 1);
    ::close(file);
    auto scan = must(PageScan::open(folder.file("r")));
    std::uint64_t bytes = 0;
    scan->each_row(600'000, [&](const ScannedRow& row) {
      for (const ScannedValue& value : row) {
        if (const auto* blob = std::get_if<Bytes>(&value)) bytes += blob->size();
      }
    });
    CHECK(scan->page_count() >= 1);
    CHECK(bytes < 1'000'000'000);
  }
}

TEST_CASE("damage that a reader meets while the store is open is mended, and the reader goes on") {
  TempFolder folder;
  Random random(5);
  Till till(1);
  std::vector<EntryPointer> written;
  StoreOptions options = options_of(folder.file());
  options.cache_kilobytes = 64;  // the pages must come from the file, not from memory
  auto store = must(SqliteStore::open(options, identity(), codec()));
  for (int i = 0; i < 1000; ++i) {
    written.push_back(till.sale({{"A", 1}, {"B", 2}}, "key-" + std::to_string(i)));
    must(store->commit(request_of({written.back()})));
  }
  while (must(store->checkpoint_if_idle())) {
  }
  auto reader = must(store->open_reader());
  CHECK(must(reader->entries_after(0, 10, 1 << 26)).size() == 10);
  const auto pages = static_cast<std::uint64_t>(number(*store, "PRAGMA page_count"));
  for (std::uint64_t page = pages / 2; page < pages / 2 + 20; ++page) {
    overwrite_page(folder.file(), page, random);
  }
  CHECK_FALSE(store->damage_seen());
  const auto all = reader->entries_after(0, 2000, 1 << 26);
  REQUIRE(all.has_error());
  CHECK(all.error().code == ErrorCode::corrupt);
  CHECK(store->damage_seen());

  const RecoveryReport report =
      must(store->build_recovered("20111006T091700Z", [] { return true; }));
  must(store->reopen_recovered(report, nullptr));
  CHECK(std::filesystem::exists(report.set_aside));
  CHECK_FALSE(store->damage_seen());
  const StoredState state = must(store->load());
  CHECK(state.vector.entry_count() == report.entries_recovered);
  CHECK(report.entries_recovered >= 800);
  CHECK(report.entries_recovered < 1000);
  CHECK(must(reader->entry_count()) == report.entries_recovered);
  must(store->commit(request_of(written)));  // as peers give them back
  CHECK(must(reader->entry_count()) == 1000);
  must(store->check_file());
}

// A store with twenty of its pages overwritten, and what was written to it.
struct Damaged {
  explicit Damaged(const std::string& file) {
    Random random(5);
    StoreOptions options = options_of(file);
    options.cache_kilobytes = 64;
    store = must(SqliteStore::open(options, identity(), codec()));
    for (int i = 0; i < 1000; ++i) {
      written.push_back(till.sale({{"A", 1}, {"B", 2}}, "key-" + std::to_string(i)));
      must(store->commit(request_of({written.back()})));
    }
    while (must(store->checkpoint_if_idle())) {
    }
    const auto pages = static_cast<std::uint64_t>(number(*store, "PRAGMA page_count"));
    for (std::uint64_t page = pages / 2; page < pages / 2 + 20; ++page) {
      overwrite_page(file, page, random);
    }
  }

  Till till{1};
  std::vector<EntryPointer> written;
  std::unique_ptr<SqliteStore> store;
};

TEST_CASE("what is written beside a damaged file is in the recovered one, also after a crash") {
  const bool crashes = GENERATE(true, false);
  TempFolder folder;
  std::vector<EntryPointer> late;
  std::uint64_t recovered = 0;
  std::unique_ptr<SqliteStore> store;
  {
    Damaged damaged(folder.file());
    StoreRequest request;
    request.watermark = watermark_of("before", 'j');
    must(damaged.store->commit(request));
    auto beside = must(damaged.store->open_beside());
    request.watermark = watermark_of("what changed", 'k', false);  // as handed over before
    must(beside->commit(request));
    request.watermark = watermark_of("beside", 'l');
    must(beside->commit(request));
    for (int i = 0; i < 7; ++i) {
      late.push_back(damaged.till.sale({{"C", 1}}, "late-" + std::to_string(i)));
      must(beside->commit(request_of({late.back()})));
    }
    CHECK(damaged.store->build_recovered("x", [] { return false; }).has_error());  // told to stop
    CHECK(std::filesystem::exists(folder.file()));
    if (!crashes) {
      const auto report = must(damaged.store->build_recovered("x", [] { return true; }));
      recovered = report.entries_recovered;
      must(damaged.store->reopen_recovered(report, std::move(beside)));
      store = std::move(damaged.store);
    }
  }
  if (crashes) {  // as a start does it
    recovered =
        must(recover(options_of(folder.file()), identity(), codec(), "x")).entries_recovered;
    store = open_store(folder.file());
    must(take_in_beside(*store, options_of(folder.file()), identity(), codec()));
  }
  CHECK(recovered >= 800);
  CHECK_FALSE(std::filesystem::exists(beside_path(folder.file())));
  const StoredState state = must(store->load());
  CHECK(state.vector.entry_count() == recovered + late.size());
  CHECK(state.keys.contains(hash_of_key("late-6")));
  CHECK(key_in(*store, "late-6"));
  CHECK(state.watermark == watermark_of("beside", 'l'));
  must(store->check_file());
  must(take_in_beside(*store, options_of(folder.file()), identity(), codec()));  // there is none
}

TEST_CASE("what is written beside a damaged file is told from its twin in that file") {
  TempFolder folder;
  Damaged damaged(folder.file());
  auto beside = must(damaged.store->open_beside());
  Till again(1);  // its journal was lost, and the requests came again
  again.business_date += 1;
  std::size_t told = 0;
  for (int i = 0; i < 1000; i += 10) {
    const EntryPointer& first = damaged.written[i];
    const EntryPointer twin = again.sale({{"A", 1}, {"B", 2}}, "key-" + std::to_string(i));
    REQUIRE(twin->envelope.claim == first->envelope.claim);
    must(beside->commit(request_of({twin})));
    const auto twins = beside->take_repeats().twins;
    for (const StoredTwin& stored : twins) {
      CHECK(stored.older.entry_hash == first->hash);
      CHECK(stored.later.entry_hash == twin->hash);
    }
    told += twins.size();
  }
  // Some of the pages needed are gone; that stops no sale.
  CHECK(told > 50);
  CHECK_FALSE(beside->failed());
}

TEST_CASE("the slow read meets what no look-up would: a changed row, a damaged page") {
  TempFolder folder;
  const auto read_through = [](SqliteReader& reader) -> Result<int> {
    int slices = 0;
    for (std::optional<std::int64_t> at = 0; at; ++slices) {
      auto next = reader.check_some(*at, 4096);
      if (!next) return next.error();
      at = *next;
    }
    return slices;
  };
  SECTION("nothing is wrong") {
    Till till(1);
    auto store = open_store(folder.file());
    for (int i = 0; i < 100; ++i) must(store->commit(request_of({till.sale({{"A", 1}})})));
    auto reader = must(store->open_reader());
    CHECK(must(read_through(*reader)) > 5);
    CHECK_FALSE(store->damage_seen());
  }
  SECTION("pages") {
    Damaged damaged(folder.file());
    auto reader = must(damaged.store->open_reader());
    CHECK_FALSE(damaged.store->damage_seen());
    const auto read = read_through(*reader);
    REQUIRE(read.has_error());
    CHECK(read.error().code == ErrorCode::corrupt);
    CHECK(damaged.store->damage_seen());
  }
  SECTION("rows") {
    Till till(1);
    auto store = open_store(folder.file());
    for (int i = 0; i < 100; ++i) must(store->commit(request_of({till.sale({{"A", 1}})})));
    // The last byte is a signature's, and less than 17.
    store->connection().execute(
        "UPDATE entries SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'ff' AS BLOB) "
        "WHERE position = 40");
    auto reader = must(store->open_reader());
    const auto read = read_through(*reader);
    REQUIRE(read.has_error());
    CHECK(store->damage_seen());
  }
}

TEST_CASE("a reopening completes a recovery that could not put the new file in place") {
  TempFolder folder;
  Till till(1);
  auto store = open_store(folder.file());
  must(store->commit(request_of({till.sale({{"A", 1}})})));
  auto reader = must(store->open_reader());
  must(store->close());
  // As it stands between the last two steps.
  std::filesystem::copy_file(folder.file(), folder.file() + ".recovering");
  std::filesystem::rename(folder.file(), folder.file() + ".damaged-x");
  must(store->reopen());
  CHECK(must(store->load()).vector.entry_count() == 1);
  CHECK(must(reader->entry_count()) == 1);
}
