#include "pos-node/tables/tables_keeper.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace titan::pos {
namespace {

bool has_room(const std::string& path, std::uint64_t bytes_min) {
  struct statvfs facts {};
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (::statvfs(folder.empty() ? "." : folder.c_str(), &facts) != 0) return true;
  return facts.f_bavail * std::uint64_t{facts.f_frsize} >= bytes_min;
}

}  // namespace

std::string TablesKeeper::basis() const {
  struct stat facts {};
  (void)::stat(parts_.journal_path.c_str(), &facts);
  return tables_basis(parts_.facts) + " " + std::to_string(facts.st_ino);
}

Duration TablesKeeper::turn(Now now) {
  if (now.mono < not_before_) return not_before_ - now.mono;
  if (!has_room(parts_.path, parts_.room_bytes_min)) return wait_for_room();
  if (!file_) {
    const std::string basis_now = basis();
    auto opened = TablesFile::open(parts_.path, basis_now);
    if (!opened) {
      if (opened.error().code == ErrorCode::corrupt) {
        return make_again(now, opened.error().message);
      }
      return failed(now, opened.error());
    }
    file_ = std::move(*opened);
    opened_basis_ = basis_now;
    projection_ = std::make_unique<TablesProjection>(*parts_.journal, codec_, file_->connection(),
                                                     parts_.facts);
  }
  if (basis() != opened_basis_) return make_again(now, "the journal is another file now");
  if (const std::string reason = file_->interference(); !reason.empty()) {
    return make_again(now, reason);
  }
  const auto room = file_->make_room(parts_.log_pages_max);
  if (!room) return failed(now, room.error());
  if (!*room) {
    return wait_saying("reader",
                       "another program has been reading " + parts_.path +
                           " in one transaction for long; the tables wait for its end, sales go "
                           "on. Let it end its transaction, or close it");
  }
  const auto progress = projection_->step(now.wall);
  if (!progress) {
    if (projection_->journal_failed()) return tables_retry_after;  // its own threads tell of it
    return failed(now, progress.error());
  }
  if (*progress == TablesProgress::begin_again) {
    return make_again(now, "the journal holds other entries than before");
  }
  failures_ = 0;
  if (!std::exchange(matter_, std::string()).empty()) {
    parts_.say("the tables for other programs go on");
  }
  return *progress == TablesProgress::complete ? tables_look_every : Duration(0);
}

Duration TablesKeeper::wait_for_room() {
  if (!has_room(parts_.path, parts_.give_way_bytes)) {
    projection_.reset();
    file_.reset();
    TablesFile::remove(parts_.path);
    return wait_saying("gone", "the disk is nearly full: " + parts_.path +
                                   " gave way to the sales and is made again when there is room; "
                                   "make room");
  }
  return wait_saying("room", "less than " + std::to_string(parts_.room_bytes_min >> 20) +
                                 " MB are left on the disk: the tables for other programs wait, "
                                 "sales go on; make room");
}

Duration TablesKeeper::make_again(Now now, const std::string& reason) {
  projection_.reset();
  file_.reset();
  TablesFile::remove(parts_.path);
  failures_ = 0;
  if (now.mono - made_again_at_ > tables_peace) again_after_ = tables_again_after_min;
  made_again_at_ = now.mono;
  not_before_ = now.mono + again_after_;
  const Duration wait = again_after_;
  again_after_ = std::min(again_after_ * 2, tables_again_after_max);
  parts_.say(parts_.path + " is made again from the journal: " + reason);
  return wait;
}

// A full disk, a lock, no rights, damage: what it is shows by whether it passes.
Duration TablesKeeper::failed(Now now, const Error& error) {
  if (error.code == ErrorCode::corrupt) return make_again(now, "its content is damaged");
  if (++failures_ >= tables_failures_max) return make_again(now, error.message);
  projection_.reset();
  file_.reset();
  return wait_saying("failure", "the tables for other programs wait: " + error.message);
}

Duration TablesKeeper::wait_saying(const std::string& matter, const std::string& line) {
  if (matter_ != matter) parts_.say(line);
  matter_ = matter;
  return tables_retry_after;
}

}  // namespace titan::pos
