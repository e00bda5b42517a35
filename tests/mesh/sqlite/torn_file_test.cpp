// Files that lost their end, their log or a page: what stays is read or recovered, and the figures
// told are those of what stays.
//
// With TITAN_THOROUGH in the environment at every 512 bytes and every byte pattern, which takes
// minutes.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>

#include "figures.h"
#include "mesh/sqlite/journal/fold.h"
#include "mesh/sqlite/journal/recovery.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t sector_bytes = 512;
// Of one page, or of the pages that a long row needs beside it.
constexpr std::size_t entries_of_a_page_max = 20;

// In how many places of a page one bit is changed.
const std::uint64_t bits_of_a_page = std::getenv("TITAN_THOROUGH") != nullptr ? 60 : 2;
const std::uint64_t bits_of_unproven = std::getenv("TITAN_THOROUGH") != nullptr ? 400 : 20;

bool is_thorough() {
  return std::getenv("TITAN_THOROUGH") != nullptr;
}

// A store as files: in one file, and as a power cut leaves it, with commits in the log alone.
class Shop {
 public:
  explicit Shop(int entries) {
    Till till(1);
    Till other(2);
    auto store = open_store(folder_.file("closed"));
    StoreRequest first = request_of({till.products(
        {product("A", "Apple", 100, {"4006381333931"}), product("B", "Bread", 200)})});
    for (int i = 0; i < entries; ++i) {
      std::vector<Item> items{{"A", 1}, {"B", 2}};
      for (int k = 0; i % 10 == 0 && k < 60; ++k) items.push_back({"S" + std::to_string(k), 1});
      Till& seller = i % 3 == 0 ? other : till;
      first.entries.push_back(seller.sale(items, "key-" + std::to_string(i)));
    }
    first.entries.push_back(till.void_sale(*first.entries[1]));
    first.devices = {till.key().public_key, other.key().public_key};
    commit(*store, first);
    must(store->close());
    store.reset();
    std::filesystem::copy_file(folder_.file("closed"), folder_.file("open"));
    store = open_store(folder_.file("open"));
    for (int i = 0; i < 4; ++i) {
      StoreRequest more;
      for (int k = 0; k < 3; ++k) {
        more.entries.push_back(
            till.sale({{"A", 1}}, "late-" + std::to_string(i) + "-" + std::to_string(k)));
      }
      commit(*store, more);
    }
    std::filesystem::copy_file(folder_.file("open"), folder_.file("cut"));
    for (const char* part : {"-wal", "-shm"}) {
      std::filesystem::copy_file(folder_.file("open") + part, folder_.file("cut") + part);
    }
  }

  void put_closed(const TempFolder& target) const {
    std::filesystem::copy_file(folder_.file("closed"), target.file());
  }
  void put_cut(const TempFolder& target) const {
    std::filesystem::copy_file(folder_.file("cut"), target.file());
    put_log(target);
    std::filesystem::copy_file(folder_.file("cut") + "-shm", target.file() + "-shm");
  }
  void put_log(const TempFolder& target) const {
    std::filesystem::copy_file(folder_.file("cut") + "-wal", target.file() + "-wal");
  }

  std::uint64_t closed_bytes() const { return std::filesystem::file_size(folder_.file("closed")); }
  std::uint64_t log_bytes() const {
    return std::filesystem::file_size(folder_.file("cut") + "-wal");
  }
  // The entries of each commit; the first one is in the file, the others in the log.
  const std::vector<std::vector<EntryPointer>>& commits() const { return commits_; }
  std::map<Hash, Bytes> written() const {
    std::map<Hash, Bytes> all;
    for (const auto& commit : commits_) {
      for (const EntryPointer& entry : commit) all[entry->hash] = entry->bytes;
    }
    return all;
  }
  std::size_t entries_in_file() const { return commits_.front().size(); }

 private:
  void commit(SqliteStore& store, const StoreRequest& request) {
    must(store.commit(request));
    commits_.push_back(request.entries);
  }

  TempFolder folder_;
  std::vector<std::vector<EntryPointer>> commits_;
};

const Shop& small_shop() {
  static const Shop shared(40);
  return shared;
}

struct Found {
  std::map<Hash, Bytes> entries;
  std::string complaint;  // about the figures told of them, which nothing in the store noticed
  std::string failure;    // it neither opens nor is recovered
  bool was_recovered = false;
  bool was_found_slowly = false;  // only the slow read met the damage
  bool was_refused = false;       // as another store's file: for a person to look at
};

struct Tally {
  std::uint64_t rounds = 0;
  std::uint64_t opened = 0;
  std::uint64_t recovered = 0;
  std::uint64_t found_slowly = 0;
  std::uint64_t refused = 0;
  std::size_t fewest_entries = ~std::size_t{0};

  void take(const Found& found) {
    CHECK(found.complaint == "");
    CHECK(found.failure == "");
    ++rounds;
    ++(found.was_refused ? refused : found.was_recovered ? recovered : opened);
    if (found.was_found_slowly) ++found_slowly;
    if (!found.was_refused) fewest_entries = std::min(fewest_entries, found.entries.size());
  }
  void print(const std::string& what) const {
    std::cout << "damaged files, " << what << ": " << rounds << " rounds, " << opened
              << " read as they were, " << recovered << " recovered (" << found_slowly
              << " only by the slow read), " << refused << " refused; at least " << fewest_entries
              << " entries\n";
  }
};

// As the daemon: opened, read, read slowly; wherever damage is met, recovered. What is told in the
// end fits.
Found read_or_recover(const std::string& path, const std::map<Hash, Bytes>& written) {
  StoreOptions options;
  options.path = path;
  Found found;
  const auto read = [&]() -> Status {
    auto store = SqliteStore::open(options, identity(), codec());
    if (!store) return store.error();
    const auto state = (*store)->load();
    if (!state) return state.error();
    auto entries = read_entries(**store);
    if (!entries) return entries.error();
    found.entries = std::move(*entries);
    found.complaint = complaint_about(*state, found.entries);
    auto reader = (*store)->open_reader();
    if (!reader) return reader.error();
    for (std::optional<std::int64_t> at = 0; at;) {
      auto next = (*reader)->check_some(*at, 1 << 20);
      if (!next) {
        found.was_found_slowly = true;
        return next.error();
      }
      at = *next;
    }
    if (!found.complaint.empty()) return {};
    Till next(1);
    return (*store)->commit(request_of({next.sale({{"A", 1}})}));
  };
  Status status = read();
  if (!status && status.error().code == ErrorCode::corrupt) {
    found.was_recovered = true;
    const auto saved = recover(options, identity(), codec(), "x");
    status = saved ? read() : Status(saved.error());
  }
  if (!status && status.error().code == ErrorCode::refused) {
    found.was_refused = true;
    return found;
  }
  if (!status) found.failure = status.error().message;
  for (const auto& [hash, bytes] : found.entries) {
    const auto known = written.find(hash);
    REQUIRE(known != written.end());
    REQUIRE(known->second == bytes);
  }
  return found;
}

void cut_to(const std::string& path, std::uint64_t bytes) {
  std::filesystem::resize_file(path, bytes);
}

std::uint64_t step_of(std::uint64_t usual) {
  return is_thorough() ? sector_bytes : usual;
}

void overwrite(const std::string& path, std::uint64_t offset, const Bytes& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file << bytes;
}

Bytes read_at(const std::string& path, std::uint64_t offset, std::size_t size) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  Bytes bytes(size, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  return bytes;
}

// Of the tables that figures rest on and nothing proves: whose journal it is, and what the journals
// amount to.
std::set<std::uint64_t> pages_unproven(const Shop& shop) {
  const TempFolder folder;
  shop.put_closed(folder);
  auto store = open_store(folder.file());
  std::set<std::uint64_t> pages;
  for (const std::string& page :
       column(*store,
              "SELECT pageno FROM dbstat WHERE name LIKE 'folded%' OR name = 'journals' OR "
              "name LIKE 'sqlite_autoindex_folded%'")) {
    pages.insert(std::stoull(page));
  }
  return pages;
}

}  // namespace

TEST_CASE("a log of any length: the commits that are whole in it, one after the other", "[disk]") {
  const Shop& shop = small_shop();
  Tally tally;
  std::size_t before = 0;
  for (std::uint64_t bytes = 0; bytes <= shop.log_bytes(); bytes += step_of(2 * sector_bytes)) {
    INFO("cut to " << bytes << " of " << shop.log_bytes());
    const TempFolder folder(TempFolder::Place::memory);
    shop.put_cut(folder);
    cut_to(folder.file() + "-wal", bytes);
    const Found found = read_or_recover(folder.file(), shop.written());
    tally.take(found);
    REQUIRE_FALSE(found.was_recovered);
    std::size_t whole = 0;
    std::size_t entries = 0;
    for (const auto& commit : shop.commits()) {
      std::size_t there = 0;
      for (const EntryPointer& entry : commit) there += found.entries.count(entry->hash);
      REQUIRE((there == commit.size() || (there == 0 && entries == found.entries.size())));
      if (there == 0) break;
      entries += there;
      ++whole;
    }
    REQUIRE(entries == found.entries.size());
    REQUIRE(whole >= before);
    before = whole;
  }
  REQUIRE(before >= shop.commits().size() - 1);
  tally.print("a torn log");
}

TEST_CASE("a log or the memory beside it that is lost: what is in the file, or all", "[disk]") {
  const Shop& shop = small_shop();
  std::size_t all = 0;
  for (const auto& commit : shop.commits()) all += commit.size();
  const TempFolder folder;
  shop.put_cut(folder);
  SECTION("the log is gone, the memory is not") {
    std::filesystem::remove(folder.file() + "-wal");
    const Found found = read_or_recover(folder.file(), shop.written());
    CHECK(found.entries.size() == shop.entries_in_file());
    CHECK_FALSE(found.was_recovered);
  }
  SECTION("both are gone") {
    std::filesystem::remove(folder.file() + "-wal");
    std::filesystem::remove(folder.file() + "-shm");
    const Found found = read_or_recover(folder.file(), shop.written());
    CHECK(found.entries.size() == shop.entries_in_file());
    CHECK_FALSE(found.was_recovered);
  }
  SECTION("the memory is gone") {
    std::filesystem::remove(folder.file() + "-shm");
    CHECK(read_or_recover(folder.file(), shop.written()).entries.size() == all);
  }
  SECTION("the memory is rubbish") {
    overwrite(folder.file() + "-shm", 0,
              Bytes(std::filesystem::file_size(folder.file() + "-shm"), '\xa5'));
    CHECK(read_or_recover(folder.file(), shop.written()).entries.size() == all);
  }
}

TEST_CASE("a file of any length: what is left of it, and never less of a longer one", "[disk]") {
  const Shop& shop = small_shop();
  Tally tally;
  std::size_t before = 0;
  for (std::uint64_t bytes = 0; bytes <= shop.closed_bytes(); bytes += step_of(3 * page_bytes)) {
    INFO("cut to " << bytes << " of " << shop.closed_bytes());
    const TempFolder folder(TempFolder::Place::memory);
    shop.put_closed(folder);
    cut_to(folder.file(), bytes);
    const Found found = read_or_recover(folder.file(), shop.written());
    tally.take(found);
    REQUIRE_FALSE(found.was_refused);
    REQUIRE(found.entries.size() >= before);
    before = found.entries.size();
  }
  REQUIRE(before >= shop.entries_in_file() - 2 * entries_of_a_page_max);
  tally.print("a torn file");
}

TEST_CASE("each page damaged in turn: the figures are those of the entries that stay", "[disk]") {
  const auto pattern =
      GENERATE(std::string("zeros"), std::string("random bytes"), std::string("one bit"));
  const Shop& shop = small_shop();
  Random random(pattern.size());
  Tally tally;
  std::uint64_t not_noticed = 0;
  const std::uint64_t pages = shop.closed_bytes() / page_bytes;
  const std::set<std::uint64_t> unproven = pages_unproven(shop);
  for (std::uint64_t page = 1; page <= pages; ++page) {
    const std::uint64_t times = pattern != "one bit"      ? 1
                                : unproven.contains(page) ? bits_of_unproven
                                                          : bits_of_a_page;
    for (std::uint64_t time = 0; time < times; ++time) {
      const TempFolder folder(TempFolder::Place::memory);
      shop.put_closed(folder);
      Bytes bytes = read_at(folder.file(), (page - 1) * page_bytes, page_bytes);
      std::uint64_t at = 0;
      if (pattern == "zeros") {
        bytes.assign(page_bytes, '\0');
      } else if (pattern == "random bytes") {
        for (char& byte : bytes) byte = static_cast<char>(random.next());
      } else {
        at = random.below(page_bytes * 8);
        bytes[at / 8] = static_cast<char>(bytes[at / 8] ^ (1 << at % 8));
      }
      INFO(pattern << " in page " << page << " of " << pages << ", bit " << at);
      overwrite(folder.file(), (page - 1) * page_bytes, bytes);
      const Found found = read_or_recover(folder.file(), shop.written());
      if (!found.complaint.empty()) {
        // Kept without a checksum: a changed bit there can be a valid row with another figure.
        CHECK(unproven.contains(page));
        ++not_noticed;
        continue;
      }
      tally.take(found);
      if (found.was_refused) continue;
      CHECK(found.entries.size() + entries_of_a_page_max >= shop.entries_in_file());
    }
  }
  tally.print(pattern + " in each page");
  std::cout << "damaged files, " << pattern << ": " << not_noticed
            << " times a figure was another one, and nothing noticed\n";
}

// Somebody puts the file of a backup back and leaves the log of today beside it: nothing in
// SQLite's format ties the two together.
TEST_CASE("a log of another file, or of a later state of the same one", "[disk]") {
  const Shop& shop = small_shop();
  const TempFolder folder;
  Tally tally;
  SECTION("of another store of the same till") {
    const Shop other(7);
    auto written = shop.written();
    written.merge(other.written());
    shop.put_closed(folder);
    other.put_log(folder);
    tally.take(read_or_recover(folder.file(), written));
    tally.print("the log of another store");
  }
  SECTION("of a later state") {
    const TempFolder at_work;
    auto store = open_store(at_work.file());
    Till till(1);
    std::map<Hash, Bytes> written;
    const auto sell = [&](int sales) {
      for (int i = 0; i < sales; ++i) {
        const auto sale = till.sale({{"A", 1}, {"B", 2}}, "key-" + std::to_string(written.size()));
        written[sale->hash] = sale->bytes;
        must(store->commit(request_of({sale})));
      }
    };
    const bool folds = GENERATE(false, true);
    sell(60);
    must(store->close());
    store = open_store(at_work.file());
    std::filesystem::copy_file(at_work.file(), folder.file());
    for (int round = 0; round < 2; ++round) {  // what the backup lacks, copied back already
      sell(60);
      store->connection().execute("PRAGMA wal_checkpoint(PASSIVE)");
    }
    sell(5);
    if (folds) {
      must(fold_some({store->connection(), codec(), identity().device}, 500));
      sell(2);
    }
    std::filesystem::copy_file(at_work.file() + "-wal", folder.file() + "-wal");
    tally.take(read_or_recover(folder.file(), written));
    tally.print("the log of a later state");
  }
}

TEST_CASE("a larger store cut anywhere, in the file and in its log", "[disk]") {
  const Shop shop(is_thorough() ? 3000 : 600);
  Random random(8);
  Tally file;
  Tally log;
  for (int round = 0; round < (is_thorough() ? 40 : 4); ++round) {
    const TempFolder folder(TempFolder::Place::memory);
    shop.put_cut(folder);
    const std::uint64_t bytes = random.below(std::filesystem::file_size(folder.file()));
    INFO("the file cut to " << bytes << " bytes");
    cut_to(folder.file(), bytes);
    file.take(read_or_recover(folder.file(), shop.written()));
  }
  for (int round = 0; round < (is_thorough() ? 40 : 4); ++round) {
    const TempFolder folder(TempFolder::Place::memory);
    shop.put_cut(folder);
    const std::uint64_t bytes = random.below(shop.log_bytes());
    INFO("the log cut to " << bytes << " bytes");
    cut_to(folder.file() + "-wal", bytes);
    const Found found = read_or_recover(folder.file(), shop.written());
    log.take(found);
    REQUIRE(found.entries.size() >= shop.entries_in_file());
  }
  file.print("a larger file, torn");
  log.print("its log, torn");
}
