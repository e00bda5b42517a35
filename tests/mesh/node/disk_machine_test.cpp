// The disk's state machine: its table, the failures that came in the same moment, and that whatever
// is reported in whatever order, one job runs at a time and a disk that works again is used again.
#include "mesh/node/disk_machine.h"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace titan::mesh {

std::ostream& operator<<(std::ostream& out, DiskState state) {
  return out << to_string(state);
}

namespace {

constexpr MonoTime start{seconds(100)};

enum class Input { failed, failed_damaged, damage, beside, opened, not_opened, not_opened_damaged };

void give(DiskMachine& disk, Input input, MonoTime now) {
  switch (input) {
    case Input::failed:
      return disk.on_commit_failed(now, false);
    case Input::failed_damaged:
      return disk.on_commit_failed(now, true);
    case Input::damage:
      return disk.on_damage_met(now);
    case Input::beside:
      return disk.on_beside_open();
    case Input::opened:
      return disk.on_opened(now);
    case Input::not_opened:
      return disk.on_not_opened(now, false);
    case Input::not_opened_damaged:
      return disk.on_not_opened(now, true);
  }
}

// A machine in that state, its job taken.
DiskMachine in(DiskState state) {
  DiskMachine disk;
  switch (state) {
    case DiskState::ok:
      break;
    case DiskState::failing:
      disk.on_commit_failed(start, false);
      disk.on_not_opened(start, false);
      break;
    case DiskState::reopening:
      disk.on_commit_failed(start, false);
      break;
    case DiskState::recovering:
      disk.on_damage_met(start);
      break;
  }
  (void)disk.take_job();
  REQUIRE(disk.state() == state);
  return disk;
}

TEST_CASE("the table of transitions") {
  using S = DiskState;
  struct Row {
    DiskState before;
    Input input;
    DiskState after;
    std::optional<DiskJob> job;
  };
  const std::vector<Row> table = {
      {S::ok, Input::failed, S::reopening, DiskJob::reopen},
      {S::ok, Input::failed_damaged, S::recovering, DiskJob::recover},
      {S::ok, Input::damage, S::recovering, DiskJob::recover},
      {S::ok, Input::opened, S::ok, {}},
      {S::ok, Input::not_opened, S::ok, {}},
      {S::ok, Input::not_opened_damaged, S::ok, {}},
      {S::failing, Input::failed, S::failing, {}},
      {S::failing, Input::failed_damaged, S::failing, {}},
      {S::failing, Input::damage, S::failing, {}},
      {S::failing, Input::opened, S::failing, {}},
      {S::failing, Input::not_opened, S::failing, {}},
      {S::failing, Input::not_opened_damaged, S::failing, {}},
      {S::reopening, Input::failed, S::reopening, {}},
      {S::reopening, Input::failed_damaged, S::reopening, {}},
      {S::reopening, Input::damage, S::reopening, {}},
      {S::reopening, Input::opened, S::ok, {}},
      {S::reopening, Input::not_opened, S::failing, {}},
      {S::reopening, Input::not_opened_damaged, S::recovering, DiskJob::recover},
      {S::recovering, Input::failed, S::recovering, {}},
      {S::recovering, Input::failed_damaged, S::recovering, {}},
      {S::recovering, Input::damage, S::recovering, {}},
      {S::recovering, Input::opened, S::ok, {}},
      {S::recovering, Input::not_opened, S::failing, {}},
      {S::recovering, Input::not_opened_damaged, S::failing, {}},
  };
  for (const Row& row : table) {
    DiskMachine disk = in(row.before);
    give(disk, row.input, start + seconds(60));
    CAPTURE(std::string(to_string(row.before)), static_cast<int>(row.input));
    CHECK(disk.state() == row.after);
    CHECK(disk.take_job() == row.job);
    disk.check_invariants();
  }
}

TEST_CASE("a reader meets damage and a commit fails in the same moment: one recovery, one answer") {
  DiskMachine disk;
  disk.on_damage_met(start);
  disk.on_commit_failed(start, true);
  CHECK(disk.take_job() == DiskJob::recover);
  CHECK_FALSE(disk.take_job());
  disk.on_opened(start + milliseconds(300));
  CHECK(disk.is_ok());
  // What used to follow a second later: nothing.
  disk.on_tick(start + seconds(2));
  CHECK(disk.is_ok());
  CHECK_FALSE(disk.take_job());
  disk.on_opened(start + seconds(2));
  CHECK(disk.is_ok());
}

TEST_CASE("a damaged file is recovered while a file beside it takes entries") {
  const DiskConfig config;
  DiskMachine disk;
  disk.on_beside_open();  // nobody asked for it
  disk.on_damage_met(start);
  CHECK(disk.takes_writes());
  disk.on_commit_failed(start, true);
  CHECK_FALSE(disk.takes_writes());
  (void)disk.take_job();
  disk.on_beside_open();
  CHECK(disk.takes_writes());
  CHECK(disk.state() == DiskState::recovering);
  // No room for the new file: sales go on beside the damaged one, and it is tried again.
  disk.on_not_opened(start + seconds(1), false);
  CHECK(disk.state() == DiskState::failing);
  CHECK(disk.takes_writes());
  disk.on_tick(start + seconds(1) + config.recovery_pause);
  CHECK(disk.take_job() == DiskJob::recover);
  CHECK(disk.takes_writes());
  // Then that one fails, too.
  disk.on_commit_failed(start + seconds(32), false);
  CHECK_FALSE(disk.takes_writes());
  disk.on_opened(start + seconds(33));
  CHECK(disk.is_ok());
  CHECK(disk.takes_writes());
}

TEST_CASE("damage that is met while the file is opened anew is mended before anything is written") {
  DiskMachine disk;
  disk.on_commit_failed(start, false);
  CHECK(disk.take_job() == DiskJob::reopen);
  disk.on_damage_met(start);
  disk.on_opened(start + milliseconds(1));
  CHECK(disk.state() == DiskState::recovering);
  CHECK(disk.take_job() == DiskJob::recover);
  disk.on_opened(start + milliseconds(300));
  CHECK(disk.is_ok());
}

TEST_CASE("a disk that fails again soon gets a pause; one that was calm is opened at once") {
  const DiskConfig config;
  DiskMachine disk;
  disk.on_commit_failed(start, false);
  (void)disk.take_job();
  disk.on_opened(start);
  const MonoTime again = start + config.calm - Duration(1);
  disk.on_commit_failed(again, false);
  CHECK(disk.state() == DiskState::failing);
  CHECK(disk.next_deadline() == again + config.pause);
  disk.on_tick(again + config.pause);
  CHECK(disk.take_job() == DiskJob::reopen);
  disk.on_opened(again + config.pause);
  disk.on_commit_failed(again + config.pause + config.calm, false);
  CHECK(disk.state() == DiskState::reopening);
}

TEST_CASE("a recovery that failed is tried again, and not before its pause is over") {
  const DiskConfig config;
  DiskMachine disk;
  disk.on_damage_met(start);
  (void)disk.take_job();
  disk.on_not_opened(start, false);  // no room for the new file, say
  disk.on_damage_met(start + seconds(1));
  disk.on_tick(start + config.recovery_pause - Duration(1));
  CHECK(disk.state() == DiskState::failing);
  disk.on_tick(start + config.recovery_pause);
  CHECK(disk.take_job() == DiskJob::recover);
}

TEST_CASE("whatever is reported in whatever order: one job at a time, and it works again at last") {
  const bool holds = rc::check([](const std::vector<std::uint8_t>& steps) {
    DiskMachine disk;
    MonoTime now = start;
    bool is_running = false;
    for (const std::uint8_t step : steps) {
      now = now + milliseconds(step * 20);
      disk.on_tick(now);
      if (disk.take_job()) {
        RC_ASSERT(!is_running);
        is_running = true;
      }
      const auto input = static_cast<Input>(step % 7);
      const bool is_answer = input >= Input::opened;
      give(disk, input, now);
      if (is_answer) is_running = false;
      disk.check_invariants();
      if (disk.take_job()) {
        RC_ASSERT(!is_running);
        is_running = true;
      }
      const bool works =
          disk.state() == DiskState::reopening || disk.state() == DiskState::recovering;
      RC_ASSERT(works == is_running);
    }
    for (int i = 0; i < 4 && !disk.is_ok(); ++i) {
      now = now + seconds(31);
      disk.on_tick(now);
      (void)disk.take_job();
      disk.on_opened(now);
    }
    RC_ASSERT(disk.is_ok());
  });
  CHECK(holds);
}

}  // namespace
}  // namespace titan::mesh
