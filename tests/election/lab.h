// A store of elections in virtual time: N terminals, a network whose links can be cut one way,
// delayed or lossy, disks that take their time, a membership that behaves like SWIM seen from
// outside, and a cloud that is only its lease row.
//
// Single-threaded and deterministic: the same seed and the same calls give the same trace. After
// every step the lab checks what must hold always (see check_step) and collects what did not.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "election/election.h"

namespace titan::election::lab {

struct LabConfig {
  std::uint64_t seed = 1;
  Config election = Config::wired();
  Duration delay_min = std::chrono::microseconds(200);
  Duration delay_spread = std::chrono::microseconds(600);
  Duration disk_delay = milliseconds(2);
  // What the membership does: the times of the wired SWIM profile.
  Duration probe_interval = milliseconds(200);
  Duration suspect_after = milliseconds(300);
  Duration dead_after = milliseconds(1300);
  bool draw_process_ids = false;  // random order of ids; otherwise in order of the terminals
  bool disks_forget = false;      // a planted fault: a new process does not find the old promise
};

struct TerminalOptions {
  bool may_lead = true;
  std::uint32_t priority = 0;
  bool is_newcomer = false;  // remembers nobody when it first starts
};

class Lab {
 public:
  explicit Lab(LabConfig config);
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  std::size_t add(std::string name, TerminalOptions options = {});
  std::size_t size() const;
  std::size_t index_of(const std::string& name) const;
  const std::string& name(std::size_t terminal) const;

  // ---- what happens to terminals
  void start(std::size_t terminal);  // a new process on the disk of the last
  void kill(std::size_t terminal);   // what was not yet on disk is lost
  void stall(std::size_t terminal, Duration length);
  void leave(std::size_t terminal);
  void hint_leader_gone(std::size_t terminal);
  void set_cloud(std::size_t terminal, bool reachable);
  void set_disk_delay(Duration delay) { config_.disk_delay = delay; }
  bool is_up(std::size_t terminal) const;

  // ---- what happens to the network
  void set_one_way(std::size_t from, std::size_t to, bool works);
  void set_link(std::size_t one, std::size_t other, bool works);
  void set_loss(Ratio loss) { loss_ = loss; }
  void heal();  // all links work, nothing is lost
  // Whether every two terminals that are up reach each other directly or through one other.
  bool is_one_component() const;

  // ---- time
  Duration elapsed() const { return now_.since_start; }
  void run(Duration length);
  // Runs until `done`, at most `limit`. True when it came.
  bool run_until(const std::function<bool()>& done, Duration limit);

  // ---- what is seen
  const Election* election(std::size_t terminal) const;
  std::vector<std::size_t> leaders() const;
  // Empty when exactly one of the terminals that are up leads and all of them say so; otherwise
  // what each one says.
  std::string disagreement() const;
  // The same among `group` only.
  std::string disagreement(const std::vector<std::size_t>& group) const;
  std::string state_text() const;
  std::uint64_t elections_won() const { return elections_won_; }
  std::uint64_t step_downs() const { return step_downs_; }
  const std::vector<std::string>& complaints() const { return complaints_; }
  std::vector<std::string> take_trace();
  const std::vector<std::string>& whole_trace() const { return whole_trace_; }
  Token lease_row() const { return lease_row_; }
  std::uint64_t lease_moves() const { return lease_moves_; }
  Token last_token(std::size_t terminal) const;  // of its present process
  std::string describe_name(const ProcessId& process) const;

 private:
  struct Terminal;
  struct Scheduled;

  Now now() const { return {now_, {}}; }
  void at(Duration delay, std::function<void()> what);
  // Runs `what` at the process, or when its stall is over, if the process still lives then.
  void input(std::size_t terminal, const ProcessId& process, std::function<void(Election&)> what);
  void carry_out(std::size_t terminal);
  void deliver(std::size_t from, const Send& send);
  void store(std::size_t terminal, const Promise& promise);
  void note(std::size_t terminal, const Event& event);
  void probe(std::size_t terminal, const ProcessId& process);
  void exchange_news(std::size_t from, std::size_t to, std::size_t hops);
  void tell_view(std::size_t terminal);
  void ask_cloud(std::size_t terminal, const ProcessId& process);
  void check_step(std::size_t terminal, const Send& send);
  void complain(std::string text);

  bool link_works(std::size_t from, std::size_t to) const;
  // Hops of the way there (1, 2 through a third, 0 none).
  std::size_t hops(std::size_t from, std::size_t to) const;
  bool answers_probe(std::size_t from, std::size_t to);
  bool step(MonoTime until);
  Duration draw_delay();

  LabConfig config_;
  Random random_;
  Ratio loss_{0, 100};
  MonoTime now_;
  std::uint64_t sequence_ = 0;
  std::map<std::pair<MonoTime, std::uint64_t>, std::function<void()>> scheduled_;
  std::vector<std::unique_ptr<Terminal>> terminals_;
  std::set<std::pair<std::size_t, std::size_t>> broken_;  // one way: from, to
  std::map<ProcessId, std::string> process_names_;
  std::map<ProcessId, std::size_t> process_owners_;

  Token lease_row_;
  MonoTime lease_renewed_;
  std::uint64_t lease_moves_ = 0;

  std::map<Token, std::size_t> leaderships_;
  std::map<std::pair<std::size_t, std::uint64_t>, ProcessId> votes_;  // terminal, term
  std::uint64_t elections_won_ = 0;
  std::uint64_t step_downs_ = 0;
  std::vector<std::string> complaints_;
  std::vector<std::string> trace_;
  std::vector<std::string> whole_trace_;
};

}  // namespace titan::election::lab
