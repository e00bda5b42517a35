// Keeps tables.sqlite3 up to date, one bounded piece of work at a time, and makes it anew when it
// is not what this program left. Nothing that happens to the file is more than a line in the log.
//
// One thread; reads no clock: `now` comes in, and each turn answers when to come back.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/time.h"
#include "mesh/entry/codec.h"
#include "mesh/sqlite/journal/sqlite_reader.h"
#include "pos-node/tables/projection.h"
#include "pos-node/tables/tables_file.h"

namespace titan::pos {

// "A moment behind": what arrived meanwhile is written in one go. Longer: fewer pages written a
// sale, and a reader sees it later.
inline constexpr Duration tables_look_every = milliseconds(1000);
// While much is waiting: after each turn a rest of so many times as long. More: less of a processor
// and of the disk for the tables, a first start later complete.
inline constexpr int tables_rests_for_one_turn = 1;
// After something that only another program or a person can change.
inline constexpr Duration tables_retry_after = milliseconds(5000);
// Between two times that the file is made anew: doubled each time, so that a program that writes
// into it again and again does not keep a till busy; back to the first after an hour of peace.
inline constexpr Duration tables_again_after_min = milliseconds(1000);
inline constexpr Duration tables_again_after_max = seconds(3600);
inline constexpr Duration tables_peace = seconds(3600);
// So many failures in a row on a disk with room, tables_retry_after apart: the file is held, or of
// no use, and a new one takes its place.
inline constexpr int tables_failures_max = 3;
// The sales' own room, which the tables leave alone; and so little that they give back theirs: they
// can be made again from the journal, which nothing can make again.
inline constexpr std::uint64_t tables_room_bytes_min = 64ull << 20;
inline constexpr std::uint64_t tables_give_way_bytes = 16ull << 20;

class TablesKeeper {
 public:
  struct Parts {
    std::string path;          // of tables.sqlite3
    std::string journal_path;  // of the journal's file: another file there means other tables
    std::unique_ptr<mesh::SqliteReader> journal;
    TablesFacts facts;
    std::function<void(const std::string& line)> say;  // for the log; each matter once
    std::uint64_t room_bytes_min = tables_room_bytes_min;
    std::uint64_t give_way_bytes = tables_give_way_bytes;
    int log_pages_max = tables_log_pages_max;
  };

  // `codec` outlives this object.
  TablesKeeper(Parts parts, const mesh::Codec& codec) : parts_(std::move(parts)), codec_(codec) {}

  // One turn; how long to wait for the next. Zero: more is waiting.
  Duration turn(Now now);

 private:
  Duration wait_for_room();
  Duration make_again(Now now, const std::string& reason);
  Duration failed(Now now, const Error& error);
  Duration wait_saying(const std::string& matter, const std::string& line);
  std::string basis() const;

  const Parts parts_;
  const mesh::Codec& codec_;
  std::unique_ptr<TablesFile> file_;
  std::unique_ptr<TablesProjection> projection_;
  std::string opened_basis_;
  std::string matter_;  // last said; empty: all is well
  int failures_ = 0;    // in a row
  MonoTime not_before_;
  MonoTime made_again_at_;
  Duration again_after_ = tables_again_after_min;
};

}  // namespace titan::pos
