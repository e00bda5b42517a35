#include "mesh/node/disk_machine.h"

#include <cassert>
#include <utility>

namespace titan::mesh {

const char* to_string(DiskState state) {
  switch (state) {
    case DiskState::ok:
      return "ok";
    case DiskState::failing:
      return "failing";
    case DiskState::reopening:
      return "reopening";
    case DiskState::recovering:
      return "recovering";
  }
  return "unknown";
}

void DiskMachine::fail(MonoTime now, Duration pause) {
  state_ = DiskState::failing;
  due_ = now + pause;
  on_tick(now);
}

void DiskMachine::on_commit_failed(MonoTime now, bool is_damaged) {
  // Of the file beside the damaged one, or the last of the damaged one itself.
  is_beside_ = false;
  // What still fails of the file that is being replaced says nothing of the new one.
  if (state_ == DiskState::recovering) return;
  is_damaged_ = is_damaged_ || is_damaged;
  if (state_ != DiskState::ok) return;
  const bool is_calm = !last_job_ended_ || now - *last_job_ended_ >= config_.calm;
  fail(now, is_calm ? Duration(0) : config_.pause);
}

void DiskMachine::on_damage_met(MonoTime now) {
  if (state_ == DiskState::recovering) return;
  is_damaged_ = true;
  if (state_ != DiskState::ok) return;
  // No commit failed: what is handed to the disk waits until the file beside is open.
  is_beside_ = true;
  fail(now, Duration(0));
}

void DiskMachine::on_beside_open() {
  if (state_ == DiskState::recovering) is_beside_ = true;
}

void DiskMachine::on_opened(MonoTime now) {
  if (state_ != DiskState::reopening && state_ != DiskState::recovering) return;
  last_job_ended_ = now;
  if (state_ == DiskState::recovering) is_damaged_ = false;
  // Somebody met damage meanwhile: what was opened is not to be trusted.
  if (is_damaged_) return fail(now, Duration(0));
  state_ = DiskState::ok;
  is_beside_ = false;
}

void DiskMachine::on_not_opened(MonoTime now, bool is_damaged) {
  if (state_ != DiskState::reopening && state_ != DiskState::recovering) return;
  last_job_ended_ = now;
  const bool was_recovering = state_ == DiskState::recovering;
  is_damaged_ = is_damaged_ || is_damaged;
  if (was_recovering) return fail(now, config_.recovery_pause);
  fail(now, is_damaged_ ? Duration(0) : config_.pause);
}

void DiskMachine::on_tick(MonoTime now) {
  if (state_ != DiskState::failing || now < due_) return;
  due_ = MonoTime::never();
  state_ = is_damaged_ ? DiskState::recovering : DiskState::reopening;
  job_ = is_damaged_ ? DiskJob::recover : DiskJob::reopen;
}

std::optional<DiskJob> DiskMachine::take_job() {
  return std::exchange(job_, std::nullopt);
}

MonoTime DiskMachine::next_deadline() const {
  return due_;
}

void DiskMachine::check_invariants() const {
  assert((state_ == DiskState::failing) == (due_ != MonoTime::never()));
  assert(!(is_damaged_ && state_ == DiskState::ok));
  assert(!is_beside_ || is_damaged_);
  assert(!job_ || (*job_ == DiskJob::reopen) == (state_ == DiskState::reopening));
  assert(!job_ || (*job_ == DiskJob::recover) == (state_ == DiskState::recovering));
}

}  // namespace titan::mesh
