// A disk that fails at each call of a store's life in turn: at each write and sync of opening,
// commits, folding, copying the log back, beginning it anew, closing and recovering.
//
// With TITAN_THOROUGH in the environment at every call and with several seeds, which takes minutes;
// else at each call but writes, and at every few writes.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "faulty_disk.h"
#include "figures.h"
#include "mesh/sqlite/journal/recovery.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

StoredWatermark watermark_number(std::uint64_t number) {
  return {Watermark{"statement " + std::to_string(number), Signature{}, key_of(9).public_key},
          true,
          {{device_of_seed(1),
            {{*JournalId::from_bytes(Bytes(16, 'j')),
              {crdt::IntervalSet({{1, number + 1}}), crdt::ContentSum{number, 6}}}}}}};
}

constexpr std::uint64_t commits_of_a_life = 5;

bool is_thorough() {
  return std::getenv("TITAN_THOROUGH") != nullptr;
}

// What is committed, in this order; the same entries in each round.
class Sales {
 public:
  Sales() {
    Till till(1);
    Till other(2);
    Random random(7);
    StoreRequest first = request_of({till.products(
        {product("A", "Apple", 100, {"4006381333931"}), product("B", "Bread", 200)})});
    for (int i = 0; i < 30; ++i) {
      first.entries.push_back((i % 2 == 0 ? till : other).sale({{"A", 1}, {"B", 2}}));
    }
    before_ = {first};
    for (std::uint64_t commit = 1; commit <= commits_of_a_life; ++commit) {
      StoreRequest request;
      for (std::uint64_t i = 0; i < 3 + commit % 2; ++i) {
        const std::string key = "key-" + std::to_string(commit) + "-" + std::to_string(i);
        request.entries.push_back(till.sale({{"A", 1}, {"C", 3}}, key));
      }
      std::vector<Item> many;  // longer than a page
      for (int i = 0; i < 60; ++i) many.push_back({"S" + std::to_string(i), 1});
      request.entries.push_back(other.sale(many));
      request.entries.push_back(till.void_sale(*request.entries.front()));
      request.entries.push_back(
          till.products({product("P" + std::to_string(commit), "A new thing", 100)}));
      request.promise = election::Promise{commit, ProcessId::draw(random)};
      request.watermark = watermark_number(commit);
      request.devices = {key_of(100 + commit).public_key};
      commits_.push_back(request);
    }
  }

  // A file as an ordinary day leaves it, made once.
  void put(const std::string& path) {
    if (template_.empty()) {
      template_ = folder_.file();
      auto store = open_store(template_);
      must(store->commit(before_));
      must(store->close());
    }
    std::filesystem::copy_file(template_, path);
  }

  const std::vector<StoreRequest>& before() const { return before_; }
  const std::vector<StoreRequest>& commits() const { return commits_; }

 private:
  TempFolder folder_;
  std::string template_;
  std::vector<StoreRequest> before_;
  std::vector<StoreRequest> commits_;
};

Sales& sales() {
  static Sales shared;
  return shared;
}

// One life of a store, step by step. A step that failed is done again when the file is open again.
class Life {
 public:
  explicit Life(std::string path) : path_(std::move(path)) {}

  static constexpr std::size_t steps = 10;

  static bool opens(std::size_t step) { return step == 0 || step == 3; }

  Status step(std::size_t number) {
    switch (number) {
      case 0:
      case 3:
        return open();
      case 2:
      case 9: {  // folds, copies the log back, removes it
        const Status closed = store_->close();
        store_.reset();
        return closed;
      }
      case 6:
        return checkpoint();  // all of it: the next commit begins the log anew
      default:
        return commit();
    }
  }

  // After a failed step, as the node's disk machine does it.
  Status open_again() { return store_ ? store_->reopen() : open(); }

  std::size_t acknowledged() const { return acknowledged_; }
  SqliteStore* store() { return store_.get(); }
  void end() { store_.reset(); }

 private:
  Status open() {
    StoreOptions options;
    options.path = path_;
    auto opened = SqliteStore::open(options, identity(), codec());
    if (!opened) return opened.error();
    store_ = std::move(*opened);
    return {};
  }

  Status commit() {
    const Status committed = store_->commit(sales().commits()[acknowledged_]);
    if (committed) ++acknowledged_;
    return committed;
  }

  Status checkpoint() {
    return store_->connection().guarded("copying the log back", [&]() -> Status {
      store_->connection().execute("PRAGMA wal_checkpoint(PASSIVE)");
      return {};
    });
  }

  std::string path_;
  std::unique_ptr<SqliteStore> store_;
  std::size_t acknowledged_ = 0;
};

// Everything that was acknowledged is there byte for byte, of the commit behind it all or nothing,
// of later ones nothing. Answers how many commits are there.
std::size_t require_kept(SqliteStore& store, std::size_t acknowledged) {
  const auto found = entries_in(store);
  std::size_t entries = 0;
  const auto are_there = [&](const StoreRequest& request) {
    std::size_t there = 0;
    for (const auto& entry : request.entries) {
      const auto place = found.find(entry->hash);
      if (place == found.end()) continue;
      REQUIRE(place->second == entry->bytes);
      ++there;
    }
    entries += there;
    REQUIRE((there == 0 || there == request.entries.size()));
    return there != 0;
  };
  for (const StoreRequest& request : sales().before()) REQUIRE(are_there(request));
  std::size_t there = 0;
  for (std::size_t i = 0; i < sales().commits().size(); ++i) {
    INFO("commit " << i << " of " << acknowledged << " that were acknowledged");
    const bool is_there = are_there(sales().commits()[i]);
    if (i < acknowledged) REQUIRE(is_there);
    if (i > acknowledged) REQUIRE_FALSE(is_there);
    if (is_there) ++there;
  }
  REQUIRE(found.size() == entries);
  const StoredState state = must(store.load());
  if (there > 0) {
    const StoreRequest& last = sales().commits()[there - 1];
    REQUIRE(state.promise == last.promise);
    REQUIRE(state.watermark == last.watermark);
  }
  require_figures_of_entries(store);
  return there;
}

// What was tried, for a person who wants to know how much that is.
class Tally {
 public:
  explicit Tally(std::string what) : what_(std::move(what)) {}

  void begin(const std::vector<DiskCall>& calls) { calls_ = calls; }
  // Whether the disk is to fail at call `at`, from 1.
  bool takes(std::uint64_t at) {
    const DiskCall call = calls_[at - 1];
    const bool is_common = call == DiskCall::write || call == DiskCall::read;
    if (is_common && !is_thorough() && at % every_ != 0) return false;
    ++points_[static_cast<std::size_t>(call)];
    return true;
  }
  std::uint64_t calls() const { return calls_.size(); }

  void print() const {
    std::cout << "disk faults, " << what_ << ": at " << points_[1] << " writes, " << points_[2]
              << " syncs, " << points_[3] << " truncations, " << points_[4] << " maps, "
              << points_[5] << " files made, " << points_[6] << " removed, " << points_[0]
              << " reads of a life with " << calls_.size() << " calls; " << rounds << " rounds, "
              << went_on << " times open again, " << unacknowledged_there
              << " unacknowledged commits there, " << recovered << " recoveries\n";
  }

  std::uint64_t rounds = 0;
  std::uint64_t went_on = 0;
  std::uint64_t unacknowledged_there = 0;
  std::uint64_t recovered = 0;

 private:
  static constexpr std::uint64_t every_ = 3;
  std::string what_;
  std::vector<DiskCall> calls_;
  std::array<std::uint64_t, disk_calls> points_{};
};

// The calls of a life without faults.
std::vector<DiskCall> calls_of_a_life(bool reads) {
  const TempFolder folder(TempFolder::Place::memory);
  sales().put(folder.file());
  FaultyDisk disk(1);
  disk.arm(0, DiskFault::error, 0, reads);
  Life life(folder.file());
  for (std::size_t step = 0; step < Life::steps; ++step) must(life.step(step));
  return disk.calls();
}

// Until the first failed step; answers whether there was one.
bool live_until_failure(Life& life) {
  for (std::size_t step = 0; step < Life::steps; ++step) {
    if (!life.step(step)) return true;
  }
  return false;
}

void require_started(const std::string& path, std::size_t acknowledged, Tally& tally) {
  auto store = start(path, tally.recovered);
  const std::size_t there = require_kept(*store, acknowledged);
  tally.unacknowledged_there += there - acknowledged;
  must(store->check_file());
  Till next(1);
  must(store->commit(request_of({next.sale({{"A", 1}})})));
}

}  // namespace

TEST_CASE("a disk that fails once, at each call: the store goes on and nothing is lost", "[disk]") {
  const auto [fault, more, reads, name] =
      GENERATE(table<DiskFault, std::uint64_t, bool, std::string>(
          {{DiskFault::error, 0, false, "an error"},
           {DiskFault::full, 0, false, "full"},
           {DiskFault::full, 5, false, "full for six calls"},
           {DiskFault::torn, 0, false, "a torn write"},
           {DiskFault::error, 0, true, "a failed read"}}));
  Tally tally(name);
  tally.begin(calls_of_a_life(reads));
  for (std::uint64_t at = 1; at <= tally.calls(); ++at) {
    if (!tally.takes(at)) continue;
    const TempFolder folder(TempFolder::Place::memory);
    sales().put(folder.file());
    Life life(folder.file());
    {
      FaultyDisk disk(at);
      disk.arm(at, fault, more, reads);
      INFO(name << " at call " << at << " of " << tally.calls());
      for (std::size_t step = 0; step < Life::steps; ++step) {
        Status done = life.step(step);
        for (int tries = 0; !done && tries < 20; ++tries) {
          CHECK(done.error().code != ErrorCode::corrupt);
          done = life.open_again();
          if (!done) continue;
          ++tally.went_on;
          require_kept(*life.store(), life.acknowledged());
          if (!Life::opens(step)) done = life.step(step);
        }
        must(done);
      }
      REQUIRE(life.acknowledged() == sales().commits().size());
      life.end();
    }
    ++tally.rounds;
    require_started(folder.file(), life.acknowledged(), tally);
  }
  CHECK(tally.recovered == 0);
  tally.print();
}

TEST_CASE("a process that ends at each call of its disk: what it acknowledged is there", "[disk]") {
  Tally tally("the process ends");
  tally.begin(calls_of_a_life(false));
  for (std::uint64_t at = 1; at <= tally.calls(); ++at) {
    if (!tally.takes(at)) continue;
    const TempFolder folder(TempFolder::Place::memory);
    sales().put(folder.file());
    Life life(folder.file());
    {
      FaultyDisk disk(at);
      disk.arm(at, DiskFault::power);
      live_until_failure(life);
      life.end();
      disk.heal();
    }
    ++tally.rounds;
    INFO("call " << at << " of " << tally.calls());
    require_started(folder.file(), life.acknowledged(), tally);
  }
  CHECK(tally.recovered == 0);
  tally.print();
}

TEST_CASE("power that is cut at each call: what was acknowledged is on the disk", "[disk]") {
  Tally tally("power cut");
  tally.begin(calls_of_a_life(false));
  for (std::uint64_t at = 1; at <= tally.calls(); ++at) {
    if (!tally.takes(at)) continue;
    for (std::uint64_t seed = 0; seed < (is_thorough() ? 8 : 1); ++seed) {
      const TempFolder folder(TempFolder::Place::memory);
      sales().put(folder.file());
      Life life(folder.file());
      {
        FaultyDisk disk(at * 100 + seed);
        disk.arm(at, DiskFault::power);
        live_until_failure(life);
        life.end();
        disk.cut_power();
      }
      ++tally.rounds;
      INFO("call " << at << " of " << tally.calls() << ", seed " << seed);
      require_started(folder.file(), life.acknowledged(), tally);
    }
  }
  CHECK(tally.recovered == 0);
  tally.print();
}

// Linux takes what a sync failed to write for written: the next sync does not try it again.
TEST_CASE("a sync that fails and drops what it should have written, and power cut at the end",
          "[disk]") {
  Tally tally("a sync that fails and drops, then power cut");
  const auto calls = calls_of_a_life(false);
  tally.begin(calls);
  for (std::uint64_t at = 1; at <= tally.calls(); ++at) {
    if (calls[at - 1] != DiskCall::sync || !tally.takes(at)) continue;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const TempFolder folder(TempFolder::Place::memory);
      sales().put(folder.file());
      Life life(folder.file());
      {
        FaultyDisk disk(at * 100 + seed);
        disk.arm(at, DiskFault::lost_sync);
        INFO("call " << at << " of " << tally.calls() << ", seed " << seed);
        for (std::size_t step = 0; step < Life::steps; ++step) {
          Status done = life.step(step);
          if (done) continue;
          must(life.open_again());
          ++tally.went_on;
          if (!Life::opens(step)) must(life.step(step));
        }
        life.end();
        disk.cut_power();
      }
      ++tally.rounds;
      INFO("call " << at << " of " << tally.calls() << ", seed " << seed);
      require_started(folder.file(), life.acknowledged(), tally);
    }
  }
  tally.print();
}

// Its request is repeated, and answered from what was read, without a further commit.
TEST_CASE("what a start reads is on the disk before anybody hears of it", "[disk]") {
  Tally tally("the process ends, starts, power cut");
  tally.begin(calls_of_a_life(false));
  for (std::uint64_t at = 1; at <= tally.calls(); ++at) {
    if (!tally.takes(at)) continue;
    for (std::uint64_t seed = 0; seed < (is_thorough() ? 4 : 1); ++seed) {
      const TempFolder folder(TempFolder::Place::memory);
      sales().put(folder.file());
      Life life(folder.file());
      std::size_t read = 0;
      {
        FaultyDisk disk(at * 100 + seed);
        disk.arm(at, DiskFault::power);
        live_until_failure(life);
        life.end();
        disk.heal();  // the process was killed; the machine goes on
        INFO("call " << at << " of " << tally.calls() << ", seed " << seed);
        auto store = start(folder.file(), tally.recovered);
        read = require_kept(*store, life.acknowledged());
        disk.kill();
        store.reset();
        disk.cut_power();
      }
      ++tally.rounds;
      INFO("call " << at << " of " << tally.calls() << ", seed " << seed);
      auto store = start(folder.file(), tally.recovered);
      REQUIRE(require_kept(*store, life.acknowledged()) == read);
      tally.unacknowledged_there += read - life.acknowledged();
    }
  }
  CHECK(tally.recovered == 0);
  tally.print();
}

// Renames are not SQLite's and never fail here; what fails is building the new file.
TEST_CASE("a recovery whose disk fails at each call is made again and saves the same", "[disk]") {
  TempFolder origin;
  sales().put(origin.file());
  {
    auto store = open_store(origin.file());
    for (const StoreRequest& request : sales().commits()) must(store->commit(request));
    must(store->close());
  }
  {  // the root of the tree of entries: none is found by it, all by their pages
    auto store = open_store(origin.file());
    const auto root = number(*store, "SELECT rootpage FROM sqlite_schema WHERE name = 'entries'");
    store.reset();
    std::fstream file(origin.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((root - 1) * 4096);
    file << std::string(4096, '\xa5');
  }
  StoreOptions options;
  const auto recover_at = [&](const TempFolder& folder) {
    options.path = folder.file();
    return recover(options, identity(), codec(), "x");
  };
  const TempFolder sound(TempFolder::Place::memory);
  std::filesystem::copy_file(origin.file(), sound.file());
  std::vector<DiskCall> calls;
  {
    FaultyDisk disk(1);
    disk.arm(0, DiskFault::error);
    must(recover_at(sound));
    calls = disk.calls();
  }
  const auto saved = entries_in(*open_store(sound.file()));
  CHECK(saved.size() > 40);

  const auto [fault, name] =
      GENERATE(table<DiskFault, std::string>({{DiskFault::error, "an error while recovering"},
                                              {DiskFault::power, "power cut while recovering"}}));
  Tally tally(name);
  tally.begin(calls);
  for (std::uint64_t at = 1; at <= calls.size(); ++at) {
    if (!tally.takes(at)) continue;
    INFO(name << " at call " << at << " of " << calls.size());
    const TempFolder folder(TempFolder::Place::memory);
    std::filesystem::copy_file(origin.file(), folder.file());
    {
      FaultyDisk disk(at);
      disk.arm(at, fault);
      const auto tried = recover_at(folder);
      if (!tried) CHECK(tried.error().code != ErrorCode::corrupt);
      if (fault == DiskFault::power) disk.cut_power();
    }
    ++tally.rounds;
    auto store = start(folder.file(), tally.recovered);
    REQUIRE(entries_in(*store) == saved);
    require_figures_of_entries(*store);
  }
  tally.print();
}
