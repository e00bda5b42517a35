// One terminal's disk as a state machine: whether entries can be written, and what is done when
// they cannot.
//
//   ok          what is handed to the disk becomes durable
//   failing     a commit failed, or damage was met; the pause before the next job runs
//   reopening   the host opens the file anew and looks at what is really in it
//   recovering  the host saves what can be proven of a damaged file into a new one
//
// Reading a large file through takes a while, and sales go on meanwhile: the host opens a small
// file beside the damaged one, says so, and what is handed to it is as durable as ever. It becomes
// part of the new file. Only where that one cannot be written either does the till refuse sales.
//
// Sans-IO, single-threaded, without knowledge of entries. The host carries out one job at a time
// and answers it once. Whatever is reported in a state that does not expect it (a second reader
// that meets the same damage, a commit that fails while the file is opened anew) changes nothing
// but what is known of the damage: no report can start a second job or end one that does not run.
#pragma once

#include <optional>

#include "base/time.h"

namespace titan::mesh {

enum class DiskState { ok, failing, reopening, recovering };
const char* to_string(DiskState state);

enum class DiskJob { reopen, recover };

struct DiskConfig {
  // A disk that reads well and cannot be written fails again at once: after a job that ended less
  // than `calm` ago the next one waits for `pause`. Longer: a fault that ends is noticed later.
  Duration pause = seconds(1);
  Duration calm = seconds(5);
  // A recovery reads the whole file: one that failed (the disk is full, say) is not tried sooner.
  Duration recovery_pause = seconds(30);
};

class DiskMachine {
 public:
  explicit DiskMachine(DiskConfig config = {}) : config_(config) {}

  // -- what the host reports
  void on_commit_failed(MonoTime now, bool is_damaged);
  void on_damage_met(MonoTime now);  // by a reader, or by the slow read of the whole file
  // During a recovery: a file beside the damaged one takes entries.
  void on_beside_open();
  // The answers to a job. `is_damaged`: the file cannot be used as it is.
  void on_opened(MonoTime now);
  void on_not_opened(MonoTime now, bool is_damaged);
  void on_tick(MonoTime now);

  // -- what it wants
  std::optional<DiskJob> take_job();  // each once
  MonoTime next_deadline() const;

  DiskState state() const { return state_; }
  bool is_ok() const { return state_ == DiskState::ok; }
  bool takes_writes() const { return is_ok() || is_beside_; }
  void check_invariants() const;

 private:
  void fail(MonoTime now, Duration pause);

  DiskConfig config_;
  DiskState state_ = DiskState::ok;
  bool is_damaged_ = false;           // of the file that is or was open; never in `ok`
  MonoTime due_ = MonoTime::never();  // the end of the pause; in `failing` only
  // While damaged: what is handed over waits for, or goes to, the file beside. Never in `ok`.
  bool is_beside_ = false;
  std::optional<DiskJob> job_;              // not taken yet; the one that the state names
  std::optional<MonoTime> last_job_ended_;  // nothing: none has
};

}  // namespace titan::mesh
