// A store of memberships in virtual time: terminals, processes, links, loss, cuts and stalls.
//
// Deterministic: same seed and same calls, same trace. Links behave like the transport's: they come
// up a redial after both ends can reach each other, close at once when a process is killed (dials
// are refused then), and time out after a cut or when a machine loses its power. Invariants of
// every membership are checked after each of its inputs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "mesh/membership/membership.h"

namespace titan::mesh::lab {

struct Wiring {
  Duration delay_min = std::chrono::microseconds(200);
  Duration delay_max = milliseconds(2);
  Ratio loss{0, 100};
  Duration redial = milliseconds(100);         // the transport's own attempts
  Duration link_timeout = milliseconds(1000);  // a silent link is given up
  bool discovery = true;                       // everybody dials everybody, as mDNS would have it
  bool tells_stalls = true;  // the host calls on_stalled() after a stall of its loop
  bool tells_refusals = true;
  // A stalled process acknowledges nothing either (SIGSTOP), so its links are given up as well, and
  // the transport cannot tell that from a closed connection.
  bool stall_closes_links = false;
};

struct Traffic {
  std::uint64_t messages = 0;
  std::uint64_t updates = 0;
  std::uint64_t bytes = 0;  // estimate: 60 a message, 130 an update, and ZeroMQ CURVE's 35
};

class Lab {
 public:
  Lab(std::uint64_t seed, MembershipConfig config, Wiring wiring = {});
  ~Lab();

  // -- the shop
  int add(const std::string& name);
  void start(int terminal);      // a new process; it remembers whom its disk remembers
  void kill(int terminal);       // SIGKILL: its connections close
  void power_off(int terminal);  // the machine is gone: silence
  void stall(int terminal, Duration length);
  void leave(int terminal);
  // A second machine with the same device key, started with the same disk.
  int add_clone(int of, const std::string& name);
  void set_clock(int terminal, std::int64_t offset_ms);  // before start()
  void move_address(int terminal, const std::string& address);
  void set_reaches_cloud(int terminal, bool reaches);
  // -- the LAN
  void block(int from, int to);  // nothing gets there; also what is under way
  void unblock(int from, int to);
  void cut(int a, int b);
  void set_deaf(int terminal, bool deaf);  // its links stand, no message reaches it
  void heal();
  void set_loss(Ratio loss) { wiring_.loss = loss; }

  void run(Duration length);
  // Runs until the condition holds, at most so long; how long it took, or nothing.
  std::optional<Duration> run_until(const std::function<bool()>& condition, Duration limit);

  // -- what to look at
  MonoTime time() const { return time_; }
  int count() const { return static_cast<int>(terminals_.size()); }
  bool is_up(int terminal) const;
  Membership& membership(int terminal);
  ProcessId process(int terminal) const;  // the last one
  std::string name_of(const ProcessId& process) const;
  // The state in which `of` holds the last process of `whom`; nothing if unknown.
  std::optional<MemberState> state(int of, int whom);
  bool all_hold(int whom, MemberState state);  // all others that are up
  // Every terminal that is up holds alive exactly those it can reach directly or through one relay.
  bool agreed();
  std::string disagreement();
  const std::vector<std::string>& trace() const { return trace_; }
  std::vector<std::string> take_trace() { return std::exchange(trace_, {}); }
  std::set<std::string> twice() const { return twice_; }
  const std::map<ProcessId, election::LeaderNews>& news_heard(int terminal) const;
  Traffic traffic_of(int terminal) const;
  std::uint64_t death_count() const { return deaths_; }  // of processes that were up
  std::uint64_t suspicion_count() const { return suspicions_; }

 private:
  struct Terminal;
  struct Link {
    bool up = false;
    ProcessId first_process, second_process;  // of the lower and the higher terminal
    std::optional<MonoTime> silent_since;
    MonoTime next_dial;
  };
  struct Event {
    MonoTime at;
    std::uint64_t order;
    std::function<void()> act;
    bool operator<(const Event& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);
    }
  };

  void at(MonoTime when, std::function<void()> act);
  Now now(const Terminal& terminal) const;
  void give(int terminal, std::function<void(Membership&, Now)> input);
  void wake(int terminal);
  void settle(int terminal);
  void carry_out(int terminal, MembershipEffect effect);
  void send(int from, const SendMessage& effect);
  void deliver(int to, const ProcessId& from, const Message& message);
  void look_after_links();
  void look_after_link(int a, int b);
  void link_down(int a, int b, LinkEnd reason);
  void tell_link_down(int a, const ProcessId& peer, LinkEnd reason);
  Link& link(int a, int b) { return links_[std::minmax(a, b)]; }
  bool open(int a, int b) const { return !blocked_.contains({a, b}); }
  bool both_open(int a, int b) const { return open(a, b) && open(b, a); }
  std::set<int> reachable(int from) const;
  void note(const std::string& line);

  MembershipConfig config_;
  Wiring wiring_;
  Random random_;
  MonoTime time_;
  std::uint64_t next_order_ = 0;
  std::priority_queue<Event> events_;
  std::vector<std::unique_ptr<Terminal>> terminals_;
  std::map<std::pair<int, int>, Link> links_;
  std::set<std::pair<int, int>> blocked_;
  std::map<ProcessId, std::string> names_;
  std::map<ProcessId, int> terminal_of_;
  std::vector<std::string> trace_;
  std::set<std::string> twice_;
  std::uint64_t deaths_ = 0;
  std::uint64_t suspicions_ = 0;
};

std::string in_seconds(Duration duration);  // "1.234"

}  // namespace titan::mesh::lab
