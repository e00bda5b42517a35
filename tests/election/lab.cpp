#include "tests/election/lab.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "election/describe.h"

namespace titan::election::lab {
namespace {

constexpr Duration cloud_interval = milliseconds(500);
constexpr Duration cloud_holder_gone_after = seconds(5);

}  // namespace

// One member as another one's membership sees it.
struct Seen {
  ProcessId process;
  bool dead = false;
  bool suspect = true;
  bool left = false;
  MonoTime answered;

  bool operator==(const Seen&) const = default;
};

struct Lab::Terminal {
  std::string name;
  DeviceId device;
  TerminalOptions options;
  std::uint32_t lives = 0;
  ProcessId process;
  std::unique_ptr<Election> election;
  Promise disk;
  MonoTime disk_free;  // promises are stored in order
  bool stalled = false;
  MonoTime stalled_since;
  std::vector<std::function<void()>> waiting;  // inputs during the stall
  std::map<std::size_t, Seen> members;
  bool reaches_cloud = false;
  bool holds_lease = false;
  Token last_token;
};

Lab::Lab(LabConfig config) : config_(config), random_(config.seed) {}
Lab::~Lab() = default;

std::size_t Lab::size() const {
  return terminals_.size();
}
const std::string& Lab::name(std::size_t terminal) const {
  return terminals_[terminal]->name;
}
bool Lab::is_up(std::size_t terminal) const {
  return terminals_[terminal]->election != nullptr;
}
const Election* Lab::election(std::size_t terminal) const {
  return terminals_[terminal]->election.get();
}
Token Lab::last_token(std::size_t terminal) const {
  return terminals_[terminal]->last_token;
}

std::size_t Lab::add(std::string name, TerminalOptions options) {
  auto terminal = std::make_unique<Terminal>();
  terminal->name = std::move(name);
  terminal->options = options;
  const std::size_t index = terminals_.size();
  terminal->device.bytes[0] = static_cast<std::uint8_t>(index / 256);
  terminal->device.bytes[1] = static_cast<std::uint8_t>(index % 256 + 1);
  terminals_.push_back(std::move(terminal));
  return index;
}

std::size_t Lab::index_of(const std::string& name) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (terminals_[i]->name == name) return i;
  }
  throw std::runtime_error("no terminal is called " + name);
}

std::string Lab::describe_name(const ProcessId& process) const {
  const auto known = process_names_.find(process);
  return known == process_names_.end() ? "unknown" : known->second;
}

// ---- what happens to terminals -----------------------------------------------------------------

void Lab::start(std::size_t index) {
  Terminal& terminal = *terminals_[index];
  if (terminal.election) return;
  ++terminal.lives;
  if (config_.draw_process_ids) {
    terminal.process = ProcessId::draw(random_);
  } else {
    terminal.process = {};
    terminal.process.bytes[0] = static_cast<std::uint8_t>(index + 1);
    terminal.process.bytes[1] = static_cast<std::uint8_t>(terminal.lives);
  }
  process_names_[terminal.process] =
      terminal.lives == 1 ? terminal.name : terminal.name + "#" + std::to_string(terminal.lives);
  process_owners_[terminal.process] = index;

  // What it remembers: devices with the process it last knew, none at the first start.
  std::map<std::size_t, Seen> remembered;
  for (std::size_t other = 0; other < size(); ++other) {
    if (other == index) continue;
    const auto known = terminal.members.find(other);
    if (known == terminal.members.end()) {
      if (terminal.options.is_newcomer || terminals_[other]->options.is_newcomer) continue;
      remembered[other] = Seen{};
    } else {
      remembered[other].process = known->second.process;
    }
    remembered[other].answered = now_;
  }
  terminal.members = std::move(remembered);
  terminal.stalled = false;
  terminal.waiting.clear();
  terminal.holds_lease = false;
  terminal.last_token = {};
  terminal.disk_free = now_;
  if (config_.disks_forget) terminal.disk = {};
  terminal.election = std::make_unique<Election>(
      config_.election, terminal.process, terminal.device, terminal.options.may_lead,
      terminal.options.priority, terminal.disk, 0, Random(random_.next()), now());
  tell_view(index);
  const ProcessId process = terminal.process;
  const auto spread = static_cast<std::uint64_t>(config_.probe_interval.count());
  at(Duration(random_.below(spread)), [this, index, process] { probe(index, process); });
  at(Duration(random_.below(spread)), [this, index, process] { ask_cloud(index, process); });
}

void Lab::kill(std::size_t index) {
  terminals_[index]->election.reset();
  terminals_[index]->waiting.clear();
}

void Lab::stall(std::size_t index, Duration length) {
  Terminal& terminal = *terminals_[index];
  if (!terminal.election || terminal.stalled) return;
  terminal.stalled = true;
  terminal.stalled_since = now_;
  const ProcessId process = terminal.process;
  at(length, [this, index, process, length] {
    Terminal& awake = *terminals_[index];
    if (!awake.election || awake.process != process) return;
    awake.stalled = false;
    // Members were not probed meanwhile: their time starts over.
    for (auto& [other, seen] : awake.members) seen.answered = now_;
    awake.election->on_stalled(now(), length);
    carry_out(index);
    for (auto& what : std::exchange(awake.waiting, {})) what();
  });
}

void Lab::leave(std::size_t index) {
  const ProcessId process = terminals_[index]->process;
  input(index, process, [this](Election& election) { election.leave(now()); });
}

void Lab::hint_leader_gone(std::size_t index) {
  const ProcessId process = terminals_[index]->process;
  input(index, process, [this](Election& election) { election.on_leader_gone_hint(now()); });
}

void Lab::set_cloud(std::size_t index, bool reachable) {
  Terminal& terminal = *terminals_[index];
  terminal.reaches_cloud = reachable;
  if (!reachable) terminal.holds_lease = false;
  input(index, terminal.process, [this, reachable](Election& election) {
    election.on_cloud(now(), {reachable, false});
  });
}

// ---- the network -------------------------------------------------------------------------------

void Lab::set_one_way(std::size_t from, std::size_t to, bool works) {
  if (works) {
    broken_.erase({from, to});
  } else {
    broken_.insert({from, to});
  }
}

void Lab::set_link(std::size_t one, std::size_t other, bool works) {
  set_one_way(one, other, works);
  set_one_way(other, one, works);
}

void Lab::heal() {
  broken_.clear();
  loss_ = {0, 100};
}

bool Lab::link_works(std::size_t from, std::size_t to) const {
  return broken_.count({from, to}) == 0;
}

std::size_t Lab::hops(std::size_t from, std::size_t to) const {
  if (link_works(from, to) && link_works(to, from)) return 1;
  for (std::size_t relay = 0; relay < size(); ++relay) {
    if (relay == from || relay == to || !is_up(relay) || terminals_[relay]->stalled) continue;
    const bool works = link_works(from, relay) && link_works(relay, from) &&
                       link_works(relay, to) && link_works(to, relay);
    if (works) return 2;
  }
  return 0;
}

bool Lab::is_one_component() const {
  for (std::size_t i = 0; i < size(); ++i) {
    for (std::size_t j = i + 1; j < size(); ++j) {
      if (is_up(i) && is_up(j) && hops(i, j) == 0) return false;
    }
  }
  return true;
}

Duration Lab::draw_delay() {
  const auto spread = static_cast<std::uint64_t>(config_.delay_spread.count());
  return config_.delay_min + Duration(random_.below(spread + 1));
}

void Lab::deliver(std::size_t from, const Send& message) {
  const auto owner = process_owners_.find(message.to);
  if (owner == process_owners_.end()) return complain("a message to a process that never was");
  const std::size_t to = owner->second;
  Duration delay = draw_delay();
  if (!link_works(from, to) || !link_works(to, from)) {
    const bool relayed = message.may_relay && hops(from, to) == 2;
    if (!relayed && !link_works(from, to)) return;
    if (relayed) delay += draw_delay();
  }
  if (random_.chance(loss_)) return;
  const ProcessId sender = terminals_[from]->process;
  at(delay, [this, to, sender, process = message.to, content = message.message] {
    input(to, process, [this, sender, content](Election& election) {
      election.on_message(now(), sender, content);
    });
  });
}

// ---- the membership, seen from outside ---------------------------------------------------------

bool Lab::answers_probe(std::size_t from, std::size_t to) {
  const Terminal& other = *terminals_[to];
  if (!other.election || other.stalled || other.election->has_left()) return false;
  const std::size_t way = hops(from, to);
  if (way == 0) return false;
  // A direct and an indirect attempt, each lossy in both directions.
  const auto arrives = [this] { return !random_.chance(loss_) && !random_.chance(loss_); };
  return arrives() || arrives();
}

void Lab::probe(std::size_t index, const ProcessId& process) {
  Terminal& terminal = *terminals_[index];
  if (!terminal.election || terminal.process != process) return;
  at(config_.probe_interval, [this, index, process] { probe(index, process); });
  if (terminal.stalled || terminal.election->has_left()) return;

  const auto before = terminal.members;
  std::vector<std::size_t> answered;
  for (std::size_t other = 0; other < size(); ++other) {
    if (other == index) continue;
    if (answers_probe(index, other)) {
      answered.push_back(other);
      terminal.members[other] = Seen{terminals_[other]->process, false, false, false, now_};
      continue;
    }
    const auto known = terminal.members.find(other);
    if (known == terminal.members.end()) continue;
    Seen& seen = known->second;
    const Terminal& silent = *terminals_[other];
    const bool said_goodbye = silent.election && silent.election->has_left() &&
                              silent.process == seen.process && hops(index, other) != 0;
    if (said_goodbye) seen.left = true;
    if (now_ - seen.answered >= config_.suspect_after) seen.suspect = true;
    if (said_goodbye || now_ - seen.answered >= config_.dead_after) seen.dead = true;
  }
  const bool changed =
      !std::equal(before.begin(), before.end(), terminal.members.begin(), terminal.members.end(),
                  [](const auto& a, const auto& b) {
                    return a.first == b.first && a.second.process == b.second.process &&
                           a.second.dead == b.second.dead && a.second.suspect == b.second.suspect &&
                           a.second.left == b.second.left;
                  });
  if (changed) tell_view(index);
  if (answered.empty()) return;
  const std::size_t peer = answered[random_.below(answered.size())];
  exchange_news(index, peer, hops(index, peer));
}

void Lab::exchange_news(std::size_t from, std::size_t to, std::size_t way) {
  const ProcessId sender = terminals_[from]->process;
  const ProcessId receiver = terminals_[to]->process;
  const LeaderNews news = terminals_[from]->election->news(now(), receiver);
  const auto delay = [this, way] { return way == 2 ? draw_delay() + draw_delay() : draw_delay(); };
  const Duration there = delay();
  const Duration back = delay();
  at(there, [=, this] {
    input(to, receiver, [=, this](Election& election) {
      election.on_leader_news(now(), sender, news);
      const LeaderNews answer = election.news(now(), sender);
      at(back, [=, this] {
        input(from, sender,
              [=, this](Election& asker) { asker.on_leader_news(now(), receiver, answer); });
      });
    });
  });
}

void Lab::tell_view(std::size_t index) {
  Terminal& terminal = *terminals_[index];
  std::vector<Voter> voters;
  for (const auto& [other, seen] : terminal.members) {
    Voter voter;
    voter.process = seen.process;
    voter.device = terminals_[other]->device;
    voter.alive = !seen.dead;
    voter.suspect = seen.suspect;
    voter.left = seen.left;
    voter.may_lead = terminals_[other]->options.may_lead;
    voter.priority = terminals_[other]->options.priority;
    voter.reaches_cloud = terminals_[other]->reaches_cloud;
    voters.push_back(voter);
  }
  terminal.election->on_view(now(), std::move(voters));
  carry_out(index);
}

// ---- the cloud: a lease row --------------------------------------------------------------------

void Lab::ask_cloud(std::size_t index, const ProcessId& process) {
  Terminal& terminal = *terminals_[index];
  if (!terminal.election || terminal.process != process) return;
  at(cloud_interval, [this, index, process] { ask_cloud(index, process); });
  if (terminal.stalled || terminal.election->has_left() || !terminal.reaches_cloud) return;
  Election& election = *terminal.election;
  bool holds = false;
  if (election.role() == Role::leader) {
    const Token token = *election.leader();
    if (token >= lease_row_) {
      if (token != lease_row_) ++lease_moves_;
      lease_row_ = token;
      lease_renewed_ = now_;
      holds = true;
    } else {
      election.on_lease_refused(now(), lease_row_,
                                now_ - lease_renewed_ >= cloud_holder_gone_after);
    }
  }
  terminal.holds_lease = holds;
  election.on_cloud(now(), {true, holds});
  carry_out(index);
  // Its own membership tells the others at their next probe.
  for (std::size_t other = 0; other < size(); ++other) {
    if (other != index && is_up(other) && !terminals_[other]->stalled &&
        !terminals_[other]->election->has_left()) {
      tell_view(other);
    }
  }
}

// ---- time and effects --------------------------------------------------------------------------

void Lab::at(Duration delay, std::function<void()> what) {
  scheduled_.emplace(std::pair(now_ + delay, ++sequence_), std::move(what));
}

void Lab::input(std::size_t index, const ProcessId& process, std::function<void(Election&)> what) {
  Terminal& terminal = *terminals_[index];
  if (!terminal.election || terminal.process != process) return;
  if (terminal.stalled) {
    terminal.waiting.push_back(
        [this, index, process, what = std::move(what)] { input(index, process, what); });
    return;
  }
  what(*terminal.election);
  carry_out(index);
}

void Lab::carry_out(std::size_t index) {
  Terminal& terminal = *terminals_[index];
  terminal.election->check_invariants();
  const Effects effects = terminal.election->take_effects();
  for (const Event& event : effects.events) note(index, event);
  for (const Promise& promise : effects.promises) store(index, promise);
  for (const Send& message : effects.sends) {
    check_step(index, message);
    deliver(index, message);
  }
}

void Lab::store(std::size_t index, const Promise& promise) {
  Terminal& terminal = *terminals_[index];
  const ProcessId process = terminal.process;
  terminal.disk_free = std::max(terminal.disk_free, now_) + config_.disk_delay;
  at(terminal.disk_free - now_, [this, index, process, promise] {
    Terminal& owner = *terminals_[index];
    if (!owner.election || owner.process != process) return;
    if (promise.term < owner.disk.term) complain(owner.name + " promised a lower term than before");
    owner.disk = promise;
    input(index, process,
          [this, promise](Election& election) { election.on_promise_stored(now(), promise); });
  });
}

bool Lab::step(MonoTime until) {
  MonoTime next = until;
  std::optional<std::size_t> due;
  for (std::size_t i = 0; i < size(); ++i) {
    const Terminal& terminal = *terminals_[i];
    if (!terminal.election || terminal.stalled) continue;
    const MonoTime deadline = std::max(now_, terminal.election->next_deadline());
    if (deadline < next) {
      next = deadline;
      due = i;
    }
  }
  if (!scheduled_.empty() && scheduled_.begin()->first.first <= next) {
    auto first = scheduled_.extract(scheduled_.begin());
    now_ = first.key().first;
    first.mapped()();
    return true;
  }
  now_ = next;
  if (!due) return false;
  terminals_[*due]->election->on_tick(now());
  carry_out(*due);
  return true;
}

void Lab::run(Duration length) {
  const MonoTime until = now_ + length;
  while (step(until)) {
  }
}

bool Lab::run_until(const std::function<bool()>& done, Duration limit) {
  const MonoTime until = now_ + limit;
  do {
    if (done()) return true;
  } while (step(until));
  return done();
}

// ---- what is seen and checked ------------------------------------------------------------------

void Lab::note(std::size_t index, const Event& event) {
  Terminal& terminal = *terminals_[index];
  std::optional<Token> token;
  if (const auto* became = std::get_if<BecameLeader>(&event)) {
    token = became->token;
    ++elections_won_;
  } else if (const auto* raised = std::get_if<TokenRaised>(&event)) {
    token = raised->to;
  } else if (std::holds_alternative<SteppedDown>(event)) {
    ++step_downs_;
  }
  char stamp[32];
  std::snprintf(stamp, sizeof(stamp), "%8.3f ",
                static_cast<double>(now_.since_start.count()) / 1e6);
  const auto name_of = [this](const ProcessId& process) { return describe_name(process); };
  std::string line = stamp + describe_name(terminal.process) + " " + describe(event, name_of);
  trace_.push_back(line);
  whole_trace_.push_back(std::move(line));
  if (!token) return;

  // M1, and more: not even one process takes up the same token twice.
  if (!leaderships_.emplace(*token, index).second) {
    complain("the token " + describe(*token, name_of) + " was taken up twice");
  }
  if (token->process != terminal.process) complain("a token with another's process id");
  const auto [cast, is_new] = votes_.emplace(std::pair(index, token->term), terminal.process);
  if (!is_new && cast->second != terminal.process) {
    complain(terminal.name + " leads a term in which it voted for another");
  }
  if (terminal.disk.term < token->term) {
    complain(terminal.name + " leads under a term that is not promised on its disk");
  }
  terminal.last_token = *token;
}

// A vote that leaves is on disk, and a device votes once in a term.
void Lab::check_step(std::size_t index, const Send& message) {
  const auto* vote = std::get_if<VoteReply>(&message.message);
  if (vote == nullptr || vote->answer != VoteAnswer::granted) return;
  const Terminal& terminal = *terminals_[index];
  if (terminal.disk.term < vote->term) {
    complain(terminal.name + " sent a vote for term " + std::to_string(vote->term) +
             " before it was on disk");
  }
  const auto [cast, is_new] = votes_.emplace(std::pair(index, vote->term), message.to);
  if (!is_new && cast->second != message.to) {
    complain(terminal.name + " voted twice in term " + std::to_string(vote->term));
  }
}

void Lab::complain(std::string text) {
  complaints_.push_back("at " + std::to_string(now_.since_start.count()) + " us: " + text);
}

std::vector<std::size_t> Lab::leaders() const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < size(); ++i) {
    if (is_up(i) && terminals_[i]->election->role() == Role::leader) found.push_back(i);
  }
  return found;
}

std::string Lab::disagreement() const {
  std::vector<std::size_t> up;
  for (std::size_t i = 0; i < size(); ++i) {
    if (is_up(i) && !terminals_[i]->election->has_left()) up.push_back(i);
  }
  return disagreement(up);
}

std::string Lab::disagreement(const std::vector<std::size_t>& group) const {
  std::set<Token> named;
  std::size_t leading = 0;
  bool all_know = true;
  for (const std::size_t i : group) {
    const Election& election = *terminals_[i]->election;
    if (election.role() == Role::leader) ++leading;
    const auto leader = election.leader();
    if (leader) {
      named.insert(*leader);
    } else {
      all_know = false;
    }
  }
  if (leading == 1 && named.size() == 1 && all_know) return {};
  return state_text();
}

std::string Lab::state_text() const {
  const auto name_of = [this](const ProcessId& process) { return describe_name(process); };
  std::string text;
  for (std::size_t i = 0; i < size(); ++i) {
    const Terminal& terminal = *terminals_[i];
    text += terminal.name + ": ";
    if (!terminal.election) {
      text += "off";
    } else if (terminal.election->has_left()) {
      text += "left";
    } else {
      const auto leader = terminal.election->leader();
      const Role role = terminal.election->role();
      if (role == Role::leader) {
        text += "leads under ";
      } else if (role == Role::follower) {
        text += "follows ";
      } else {
        text += "stands, follows ";
      }
      text += describe(leader.value_or(Token{}), name_of);
      if (terminal.stalled) text += ", stalled";
    }
    text += "\n";
  }
  return text;
}

std::vector<std::string> Lab::take_trace() {
  return std::exchange(trace_, {});
}

}  // namespace titan::election::lab
