// Whatever happens to the file of the tables, it is made again, and said once.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "pos-node/tables/tables_keeper.h"
#include "tables_shop.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::testing;

using Texts = std::vector<std::string>;

namespace {

// A journal in a file, as in a data folder, and the keeper of its tables on a clock of the test's.
class Kept {
 public:
  Kept() : store_(mesh::testing::open_store(folder_.file())) { make(); }

  void make(std::uint64_t room_bytes_min = 0, int log_pages_max = tables_log_pages_max,
            std::uint64_t give_way_bytes = 0) {
    keeper_.reset();
    TablesKeeper::Parts parts;
    parts.path = path();
    parts.journal_path = folder_.file();
    parts.journal = must(store_->open_reader());
    parts.facts = {"london-1", "till-1", "GBP", {}};
    parts.say = [this](const std::string& line) { said.push_back(line); };
    parts.room_bytes_min = room_bytes_min;
    parts.log_pages_max = log_pages_max;
    parts.give_way_bytes = give_way_bytes;
    keeper_ = std::make_unique<TablesKeeper>(std::move(parts), mesh::testing::codec());
  }
  void sell(int times = 1) {
    for (int i = 0; i < times; ++i) {
      must(store_->commit(mesh::testing::request_of({till.sale({{"A", 1}})})));
    }
    sold += times;
  }
  // Turns until there is nothing to do for a second.
  void run(int turns_max = 40) {
    for (int i = 0; i < turns_max; ++i) {
      const Duration wait = keeper_->turn(now);
      now.mono = now.mono + wait;
      if (wait == tables_look_every && holds() == sold) return;
    }
  }
  std::int64_t holds() {
    try {
      SQLite::Database reader(path(), SQLite::OPEN_READONLY);
      return reader.execAndGet("SELECT count(*) FROM sales").getInt64();
    } catch (const SQLite::Exception&) {
      return -1;
    }
  }
  std::string path() const { return folder_.file(tables_file_name); }

  Till till{1};
  Now now = noon;
  std::int64_t sold = 0;
  Texts said;

 private:
  TempFolder folder_;
  std::unique_ptr<mesh::SqliteStore> store_;
  std::unique_ptr<TablesKeeper> keeper_;
};

}  // namespace

TEST_CASE("tables that nobody touches are never made again, whatever their log does") {
  Kept kept;
  for (int i = 0; i < 30; ++i) {
    kept.sell(20);
    kept.run();
  }
  kept.make();  // a restart
  kept.sell();
  kept.run();
  CHECK(kept.holds() == kept.sold);
  CHECK(kept.said == Texts{});
}

TEST_CASE("a file that is removed, overwritten, cut or written by others is made again") {
  Kept kept;
  kept.sell(5);
  kept.run();
  const auto damage = GENERATE(0, 1, 2, 3, 4, 5);
  CAPTURE(damage);
  switch (damage) {
    case 0:
      std::filesystem::remove(kept.path());
      break;
    case 1:
      std::filesystem::remove(kept.path() + "-wal");
      break;
    case 2:
      std::ofstream(kept.path()) << "no database at all";
      break;
    case 3:
      std::filesystem::resize_file(kept.path(), 1000);
      break;
    case 4: {
      SQLite::Database foreign(kept.path(), SQLite::OPEN_READWRITE);
      foreign.exec("DELETE FROM sales");
      break;
    }
    default:
      std::filesystem::remove(kept.path());
      std::filesystem::create_directory(kept.path());
      std::ofstream(kept.path() + "/something") << "x";
  }
  kept.sell();
  kept.run();
  CHECK(kept.holds() == kept.sold);
  CHECK(kept.said.size() == 1);
}

TEST_CASE("a file that is garbage or another program's at a start is made again") {
  Kept kept;
  kept.sell(5);
  if (GENERATE(true, false)) {
    std::ofstream(kept.path()) << "no database at all";
  } else {
    SQLite::Database foreign(kept.path(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    foreign.exec("CREATE TABLE sales(id)");
  }
  kept.run();
  CHECK(kept.holds() == kept.sold);
  CHECK(kept.said.size() == 1);
}

TEST_CASE("a program that writes again and again is answered ever more rarely") {
  Kept kept;
  kept.sell();
  kept.run();
  const MonoTime begun = kept.now.mono;
  for (int i = 0; i < 8; ++i) {
    {
      SQLite::Database foreign(kept.path(), SQLite::OPEN_READWRITE);
      foreign.exec("UPDATE sales SET status = 'mine'");
    }
    kept.run();
    REQUIRE(kept.holds() == kept.sold);
  }
  CHECK(kept.said.size() == 8);
  CHECK(kept.now.mono - begun > seconds(200));
}

TEST_CASE("a reader in a transaction sees what it saw, and the tables go on") {
  Kept kept;
  kept.sell(3);
  kept.run();
  SQLite::Database reader(kept.path(), SQLite::OPEN_READONLY);
  reader.exec("BEGIN");
  CHECK(reader.execAndGet("SELECT count(*) FROM sales").getInt() == 3);
  kept.sell(3);
  kept.run();
  CHECK(kept.holds() == 6);
  CHECK(reader.execAndGet("SELECT count(*) FROM sales").getInt() == 3);
  CHECK(kept.said == Texts{});
}

TEST_CASE("a reader that stays for hours bounds the log; the tables wait for it and then go on") {
  constexpr int log_pages_max = 1500;
  Kept kept;
  kept.make(0, log_pages_max);
  kept.sell(3);
  kept.run();
  auto reader = std::make_unique<SQLite::Database>(kept.path(), SQLite::OPEN_READONLY);
  reader->exec("BEGIN");
  CHECK(reader->execAndGet("SELECT count(*) FROM sales").getInt() == 3);
  // One entry a step writes several pages: the log grows as in hours of a shop.
  while (kept.said.empty()) {
    kept.sell(1);
    kept.run(2);
    REQUIRE(kept.sold < 20'000);
  }
  CHECK(kept.said.front().find("in one transaction") != std::string::npos);
  const auto log_bytes = std::filesystem::file_size(kept.path() + "-wal");
  CHECK(log_bytes < (log_pages_max + 1000) * 4200ull);
  kept.sell(50);
  kept.run(5);
  CHECK(std::filesystem::file_size(kept.path() + "-wal") == log_bytes);
  CHECK(kept.said.size() == 1);
  reader.reset();
  kept.run();
  CHECK(kept.holds() == kept.sold);
  CHECK(std::filesystem::file_size(kept.path() + "-wal") < log_bytes);
  CHECK(kept.said.size() == 2);
}

TEST_CASE("a file that another program holds locked is left to it, and a new one takes its place") {
  Kept kept;
  kept.sell(3);
  kept.run();
  SQLite::Database holder(kept.path(), SQLite::OPEN_READWRITE);
  holder.exec("BEGIN IMMEDIATE");
  kept.sell();
  kept.run();
  CHECK(kept.holds() == kept.sold);
  CHECK(kept.said.size() >= 1);
  CHECK(kept.said.front().find("another program") != std::string::npos);
}

TEST_CASE("a disk that is nearly full is left to the sales") {
  Kept kept;
  kept.make(std::uint64_t{1} << 62);
  kept.sell(3);
  kept.run(5);
  CHECK(kept.holds() == -1);
  CHECK(kept.said.size() == 1);
  CHECK(kept.said.front().find("MB are left") != std::string::npos);
}

TEST_CASE("on a disk that is nearly full the tables give way, and come back with the room") {
  constexpr std::uint64_t more_than_any_disk = std::uint64_t{1} << 60;
  Kept kept;
  kept.sell(3);
  kept.run();
  REQUIRE(kept.holds() == 3);
  kept.make(more_than_any_disk, tables_log_pages_max, more_than_any_disk);
  kept.said.clear();
  kept.run(3);
  CHECK(kept.holds() == -1);
  CHECK_FALSE(std::filesystem::exists(kept.path()));
  REQUIRE(kept.said.size() == 1);
  CHECK(kept.said.front().find("gave way to the sales") != std::string::npos);
  kept.make();
  kept.run();
  CHECK(kept.holds() == 3);
}
