#include "tests/mesh/membership/membership_lab.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <tuple>

namespace titan::mesh::lab {

namespace {
constexpr std::int64_t epoch_ms = 1'700'000'000'000;
constexpr Duration look_after_links_every = milliseconds(20);
}  // namespace

struct Lab::Terminal {
  std::string name;
  MemberInfo info;
  std::unique_ptr<Membership> membership;  // none: not running
  bool powered = true;
  bool deaf = false;
  bool stalled = false;
  std::uint64_t stall_number = 0;
  std::vector<std::function<void(Membership&, Now)>> inbox;  // while stalled
  std::int64_t clock_offset_ms = 0;
  int lives = 0;
  std::optional<MonoTime> wake_at;
  std::map<DeviceId, RememberedMember> disk;
  std::set<int> dialled;
  Traffic traffic;
  std::map<ProcessId, election::LeaderNews> news;
};

std::string in_seconds(Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(duration.count()) / 1e6);
  return text;
}

Lab::Lab(std::uint64_t seed, MembershipConfig config, Wiring wiring)
    : config_(config), wiring_(wiring), random_(seed) {
  look_after_links();
}

Lab::~Lab() = default;

// ---- the shop ----------------------------------------------------------------------------------

int Lab::add(const std::string& name) {
  const int index = count();
  auto terminal = std::make_unique<Terminal>();
  terminal->name = name;
  terminal->info.terminal = name;
  terminal->info.device_key.bytes[0] = static_cast<std::uint8_t>(index + 1);
  terminal->info.device_key.bytes[1] = 0x17;
  terminal->info.addresses = {"10.77.0." + std::to_string(index + 1) + ":7411"};
  terminals_.push_back(std::move(terminal));
  return index;
}

int Lab::add_clone(int of, const std::string& name) {
  const int index = add(name);
  terminals_[index]->info.device_key = terminals_[of]->info.device_key;
  terminals_[index]->disk = terminals_[of]->disk;
  return index;
}

void Lab::set_clock(int terminal, std::int64_t offset_ms) {
  terminals_[terminal]->clock_offset_ms = offset_ms;
}

void Lab::start(int index) {
  Terminal& terminal = *terminals_[index];
  assert(!terminal.membership);
  terminal.powered = true;
  terminal.stalled = false;
  ++terminal.stall_number;
  terminal.inbox.clear();
  terminal.dialled.clear();
  ++terminal.lives;
  terminal.info.process = ProcessId::draw(random_);
  terminal.info.started = now(terminal).wall;
  names_[terminal.info.process] =
      terminal.lives == 1 ? terminal.name : terminal.name + "#" + std::to_string(terminal.lives);
  terminal_of_[terminal.info.process] = index;
  terminal.membership =
      std::make_unique<Membership>(config_, terminal.info, Random(random_.next()), now(terminal));
  const ProcessId process = terminal.info.process;
  terminal.membership->set_news_source([process](Now, const ProcessId&) {
    election::LeaderNews news;
    news.token = {1, process};
    return news;
  });
  std::vector<RememberedMember> remembered;
  for (const auto& [device, member] : terminal.disk) remembered.push_back(member);
  give(index, [remembered](Membership& m, Now at) { m.remember(at, remembered); });
}

void Lab::kill(int index) {
  Terminal& terminal = *terminals_[index];
  if (!terminal.membership) return;
  terminal.membership.reset();
  for (int other = 0; other < count(); ++other) {
    if (other != index && link(index, other).up) {
      // The closing travels where the network lets it.
      if (open(index, other)) link_down(index, other, LinkEnd::closed);
    }
  }
}

void Lab::power_off(int index) {
  terminals_[index]->membership.reset();
  terminals_[index]->powered = false;
}

void Lab::leave(int index) {
  give(index, [](Membership& m, Now at) { m.leave(at); });
  at(time_ + milliseconds(20), [this, index] { kill(index); });
}

void Lab::stall(int index, Duration length) {
  Terminal& terminal = *terminals_[index];
  if (!terminal.membership || terminal.stalled) return;
  terminal.stalled = true;
  at(time_ + length, [this, index, length, number = ++terminal.stall_number] {
    Terminal& back = *terminals_[index];
    if (back.stall_number != number || !back.membership) return;
    back.stalled = false;
    auto inbox = std::exchange(back.inbox, {});
    if (wiring_.tells_stalls) {
      give(index, [length](Membership& m, Now at) { m.on_stalled(at, length); });
    }
    for (auto& input : inbox) give(index, std::move(input));
    give(index, [](Membership& m, Now at) { m.on_tick(at); });
  });
}

void Lab::move_address(int index, const std::string& address) {
  terminals_[index]->info.addresses = {address};
  give(index, [info = terminals_[index]->info](Membership& m, Now at) { m.set_self(at, info); });
}

void Lab::set_reaches_cloud(int index, bool reaches) {
  terminals_[index]->info.reaches_cloud = reaches;
  give(index, [info = terminals_[index]->info](Membership& m, Now at) { m.set_self(at, info); });
}

// ---- the LAN -----------------------------------------------------------------------------------

void Lab::block(int from, int to) {
  blocked_.insert({from, to});
}

void Lab::unblock(int from, int to) {
  blocked_.erase({from, to});
}

void Lab::cut(int a, int b) {
  block(a, b);
  block(b, a);
}

void Lab::set_deaf(int index, bool deaf) {
  terminals_[index]->deaf = deaf;
}

void Lab::heal() {
  blocked_.clear();
  for (auto& terminal : terminals_) terminal->deaf = false;
}

void Lab::look_after_links() {
  for (int a = 0; a < count(); ++a) {
    for (int b = a + 1; b < count(); ++b) look_after_link(a, b);
  }
  at(time_ + look_after_links_every, [this] { look_after_links(); });
}

void Lab::look_after_link(int a, int b) {
  Link& link = this->link(a, b);
  const bool stopped =
      wiring_.stall_closes_links && (terminals_[a]->stalled || terminals_[b]->stalled);
  const bool works = both_open(a, b) && is_up(a) && is_up(b) && !stopped;
  if (link.up) {
    if (works && (link.first_process != process(a) || link.second_process != process(b))) {
      // A machine that lost its power is back and knows nothing of the connection.
      link_down(a, b, LinkEnd::closed);
    } else if (works) {
      link.silent_since.reset();
    } else if (!link.silent_since) {
      link.silent_since = time_;
    } else if (time_ - *link.silent_since >= wiring_.link_timeout) {
      link_down(a, b, wiring_.stall_closes_links ? LinkEnd::closed : LinkEnd::timed_out);
    }
    return;
  }
  if (time_ < link.next_dial) return;
  const Terminal& left = *terminals_[a];
  const Terminal& right = *terminals_[b];
  const bool wanted = wiring_.discovery || left.dialled.contains(b) || right.dialled.contains(a);
  if (!wanted) return;
  link.next_dial = time_ + wiring_.redial;
  if (works && !left.stalled && !right.stalled) {
    link.up = true;
    link.first_process = process(a);
    link.second_process = process(b);
    link.silent_since.reset();
    give(a, [info = right.membership->self()](Membership& m, Now at) { m.on_link_up(at, info); });
    give(b, [info = left.membership->self()](Membership& m, Now at) { m.on_link_up(at, info); });
  } else if (both_open(a, b) && wiring_.tells_refusals) {
    if (is_up(a) && right.powered && !right.membership)
      tell_link_down(a, process(b), LinkEnd::refused);
    if (is_up(b) && left.powered && !left.membership)
      tell_link_down(b, process(a), LinkEnd::refused);
  }
}

void Lab::link_down(int a, int b, LinkEnd reason) {
  Link& link = this->link(a, b);
  link.up = false;
  link.silent_since.reset();
  link.next_dial = time_ + wiring_.redial;
  const auto& [low, high] = std::minmax(a, b);
  // Only those who had the link know of its end.
  if (process(low) == link.first_process) tell_link_down(low, link.second_process, reason);
  if (process(high) == link.second_process) tell_link_down(high, link.first_process, reason);
}

void Lab::tell_link_down(int a, const ProcessId& peer, LinkEnd reason) {
  if (peer.is_none()) return;
  give(a, [peer, reason](Membership& m, Now at) { m.on_link_down(at, peer, reason); });
}

void Lab::send(int from, const SendMessage& effect) {
  Terminal& sender = *terminals_[from];
  std::size_t updates = 0;
  if (const auto* ping = std::get_if<Ping>(&effect.message)) updates = ping->updates.size();
  if (const auto* ack = std::get_if<Ack>(&effect.message)) updates = ack->updates.size();
  if (const auto* request = std::get_if<PingRequest>(&effect.message)) {
    updates = request->updates.size();
  }
  ++sender.traffic.messages;
  sender.traffic.updates += updates;
  sender.traffic.bytes += 95 + 130 * updates;

  const auto found = terminal_of_.find(effect.to);
  if (found == terminal_of_.end()) return;
  const int to = found->second;
  if (!link(from, to).up || random_.chance(wiring_.loss)) return;
  const Duration spread = wiring_.delay_max - wiring_.delay_min;
  const Duration delay =
      wiring_.delay_min + Duration(static_cast<std::int64_t>(random_.below(spread.count() + 1)));
  at(time_ + delay, [this, from, to, me = sender.info.process, effect] {
    if (!open(from, to) || terminals_[to]->deaf || process(to) != effect.to) return;
    deliver(to, me, effect.message);
  });
}

void Lab::deliver(int to, const ProcessId& from, const Message& message) {
  give(to, [from, message](Membership& m, Now at) {
    if (const auto* ping = std::get_if<Ping>(&message)) m.on_ping(at, from, *ping);
    if (const auto* ack = std::get_if<Ack>(&message)) m.on_ack(at, from, *ack);
    if (const auto* ask = std::get_if<PingRequest>(&message)) m.on_ping_request(at, from, *ask);
    if (const auto* leave = std::get_if<Leave>(&message)) m.on_leave(at, from, *leave);
  });
}

// ---- time --------------------------------------------------------------------------------------

void Lab::at(MonoTime when, std::function<void()> act) {
  events_.push(Event{when, next_order_++, std::move(act)});
}

void Lab::run(Duration length) {
  run_until([] { return false; }, length);
}

std::optional<Duration> Lab::run_until(const std::function<bool()>& condition, Duration limit) {
  const MonoTime began = time_;
  if (condition()) return Duration::zero();
  while (!events_.empty() && events_.top().at <= began + limit) {
    const Event event = events_.top();
    events_.pop();
    time_ = event.at;
    event.act();
    if (condition()) return time_ - began;
  }
  time_ = began + limit;
  return std::nullopt;
}

Now Lab::now(const Terminal& terminal) const {
  const std::int64_t ms = time_.since_start.count() / 1000;
  return Now{time_, WallTime{epoch_ms + ms + terminal.clock_offset_ms}};
}

void Lab::give(int index, std::function<void(Membership&, Now)> input) {
  Terminal& terminal = *terminals_[index];
  if (!terminal.membership) return;
  if (terminal.stalled) {
    terminal.inbox.push_back(std::move(input));
    return;
  }
  input(*terminal.membership, now(terminal));
  settle(index);
}

void Lab::settle(int index) {
  Terminal& terminal = *terminals_[index];
  terminal.membership->check_invariants();
  for (MembershipEffect& effect : terminal.membership->take_effects()) {
    carry_out(index, std::move(effect));
  }
  if (!terminal.membership) return;
  const MonoTime wanted = std::max(terminal.membership->next_deadline(), time_);
  if (wanted == MonoTime::never() || (terminal.wake_at && *terminal.wake_at <= wanted)) return;
  terminal.wake_at = wanted;
  at(wanted, [this, index, wanted] {
    Terminal& woken = *terminals_[index];
    if (woken.wake_at != wanted) return;
    woken.wake_at.reset();
    if (!woken.stalled) give(index, [](Membership& m, Now at) { m.on_tick(at); });
  });
}

void Lab::carry_out(int index, MembershipEffect effect) {
  Terminal& terminal = *terminals_[index];
  if (const auto* message = std::get_if<SendMessage>(&effect)) {
    send(index, *message);
  } else if (const auto* change = std::get_if<MemberStateChanged>(&effect)) {
    const MemberInfo& member = change->update.member;
    if (change->update.state == MemberState::alive) {
      terminal.disk[member.device()] = RememberedMember{member, {}, now(terminal).wall};
    }
    if (change->before == change->update.state) {
      note(terminal.name + ": " + name_of(member.process) + " has new facts");
      return;
    }
    const int whom = terminal_of_.at(member.process);
    const bool up = is_up(whom) && process(whom) == member.process;
    suspicions_ += change->update.state == MemberState::suspect && up && change->before;
    deaths_ += change->update.state == MemberState::dead && up;
    note(terminal.name + ": " + name_of(member.process) + " is " + to_string(change->update.state) +
         (change->connection_lost ? ", connection lost" : "") +
         (change->before ? "" : ", was unknown"));
  } else if (const auto* twice = std::get_if<DeviceTwice>(&effect)) {
    std::string first = name_of(twice->first.process);
    std::string second = name_of(twice->second.process);
    if (second < first) std::swap(first, second);
    twice_.insert(first + " " + second);
    note(terminal.name + ": one device key in use by " + first + " and " + second);
  } else if (const auto* wanted = std::get_if<LinkWanted>(&effect)) {
    for (int other = 0; other < count(); ++other) {
      for (const std::string& address : terminals_[other]->info.addresses) {
        const auto& list = wanted->addresses;
        if (std::find(list.begin(), list.end(), address) == list.end() || other == index) continue;
        terminal.dialled.insert(other);
      }
    }
  } else if (const auto* heard = std::get_if<LeaderNewsHeard>(&effect)) {
    terminal.news[heard->from] = heard->news;
  }
}

// ---- what to look at ---------------------------------------------------------------------------

void Lab::note(const std::string& line) {
  trace_.push_back(in_seconds(time_.since_start) + " " + line);
}

bool Lab::is_up(int terminal) const {
  return terminals_[terminal]->powered && terminals_[terminal]->membership != nullptr;
}

Membership& Lab::membership(int terminal) {
  return *terminals_[terminal]->membership;
}

ProcessId Lab::process(int terminal) const {
  return terminals_[terminal]->info.process;
}

std::string Lab::name_of(const ProcessId& process) const {
  const auto found = names_.find(process);
  return found == names_.end() ? process.hex().substr(0, 6) : found->second;
}

std::optional<MemberState> Lab::state(int of, int whom) {
  const auto member = membership(of).find(process(whom));
  return member ? std::optional(member->state) : std::nullopt;
}

bool Lab::all_hold(int whom, MemberState wanted) {
  for (int of = 0; of < count(); ++of) {
    if (of != whom && is_up(of) && state(of, whom) != wanted) return false;
  }
  return true;
}

std::set<int> Lab::reachable(int from) const {
  std::set<int> result;
  for (int direct = 0; direct < count(); ++direct) {
    if (direct == from || !is_up(direct) || !both_open(from, direct)) continue;
    result.insert(direct);
    for (int relayed = 0; relayed < count(); ++relayed) {
      if (relayed != from && is_up(relayed) && both_open(direct, relayed)) result.insert(relayed);
    }
  }
  return result;
}

bool Lab::agreed() {
  return disagreement().empty();
}

std::string Lab::disagreement() {
  std::string text;
  for (int of = 0; of < count(); ++of) {
    if (!is_up(of) || membership(of).has_left()) continue;
    std::set<std::string> expected;
    for (const int other : reachable(of)) {
      if (!membership(other).has_left()) expected.insert(name_of(process(other)) + " alive");
    }
    std::set<std::string> seen;
    for (const KnownMember& member : membership(of).members()) {
      if (member.state == MemberState::alive || member.state == MemberState::suspect) {
        seen.insert(name_of(member.member.process) + " " + to_string(member.state));
      }
    }
    if (seen == expected) continue;
    text += terminals_[of]->name + " sees:";
    for (const std::string& item : seen) text += " [" + item + "]";
    text += " expected:";
    for (const std::string& item : expected) text += " [" + item + "]";
    text += "\n";
  }
  return text;
}

const std::map<ProcessId, election::LeaderNews>& Lab::news_heard(int terminal) const {
  return terminals_[terminal]->news;
}

Traffic Lab::traffic_of(int terminal) const {
  return terminals_[terminal]->traffic;
}

}  // namespace titan::mesh::lab
