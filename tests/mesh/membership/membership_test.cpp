// Membership by its single parts: the arithmetic, the configuration, gossip, and the answers to
// single inputs. Whole shops are in membership_scenarios_test.cpp and the transcripts.
#include "mesh/membership/membership.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/mesh/membership/membership_transcript.h"

using namespace titan;
using namespace titan::mesh;

namespace {

Now at(Duration since_start) {
  return Now{MonoTime{since_start}, WallTime{1'700'000'000'000 + since_start.count() / 1000}};
}

MemberInfo terminal(std::uint8_t number) {
  MemberInfo info;
  info.process.bytes[0] = number;
  info.device_key.bytes[0] = number;
  info.terminal = std::string("T-") + std::to_string(number);
  info.addresses = {"10.77.0." + std::to_string(number) + ":7411"};
  info.started = WallTime{1'000'000 + number};
  return info;
}

template <class T>
std::vector<T> only(const std::vector<MembershipEffect>& effects) {
  std::vector<T> result;
  for (const MembershipEffect& effect : effects) {
    if (const T* found = std::get_if<T>(&effect)) result.push_back(*found);
  }
  return result;
}

template <class T>
std::vector<std::pair<ProcessId, T>> sent(const std::vector<MembershipEffect>& effects) {
  std::vector<std::pair<ProcessId, T>> result;
  for (const SendMessage& effect : only<SendMessage>(effects)) {
    if (const T* message = std::get_if<T>(&effect.message))
      result.emplace_back(effect.to, *message);
  }
  return result;
}

MemberUpdate said(const MemberInfo& member, MemberState state, std::uint64_t incarnation) {
  return MemberUpdate{member, state, incarnation};
}

Ack carrier(std::vector<MemberUpdate> updates) {
  Ack ack;
  ack.updates = std::move(updates);
  return ack;
}

// Terminal 1 with links to 2 and 3, all alive under incarnation 1.
Membership three_linked() {
  Membership membership(MembershipConfig::wired(), terminal(1), Random(5), at(milliseconds(0)));
  for (const std::uint8_t other : {2, 3}) {
    membership.on_link_up(at(milliseconds(1)), terminal(other));
    membership.on_ack(at(milliseconds(1)), terminal(other).process,
                      carrier({said(terminal(other), MemberState::alive, 1)}));
  }
  for (const auto& [to, ping] : sent<Ping>(membership.take_effects())) {
    Ack ack;
    ack.sequence = ping.sequence;
    membership.on_ack(at(milliseconds(2)), to, ack);
  }
  membership.check_invariants();
  membership.take_effects();
  return membership;
}

}  // namespace

TEST_CASE("suspicion arithmetic agrees with the papers' formulas", "[membership]") {
  for (std::uint32_t n = 1; n <= 1000; ++n) {
    CHECK(ceiling_log2(n) == static_cast<std::uint32_t>(std::ceil(std::log2(n))));
    CHECK(std::abs(static_cast<double>(log2_fixed(n)) / 65536 - std::log2(n)) < 1.0 / 30000);
  }
  const Duration min = milliseconds(1000), max = milliseconds(2000);
  CHECK(suspicion_timeout(min, max, 0, 3) == max);
  CHECK(suspicion_timeout(min, max, 1, 3) == milliseconds(1500));  // log 2 / log 4
  CHECK(suspicion_timeout(min, max, 3, 3) == min);
  CHECK(suspicion_timeout(min, max, 9, 3) == min);
  CHECK(suspicion_timeout(min, max, 0, 0) == min);
  CHECK(gossip_transmissions(3, 1) == 3);
  CHECK(gossip_transmissions(3, 10) == 12);
  CHECK(gossip_transmissions(3, 100) == 21);
  CHECK(suspicion_min(seconds(1), milliseconds(50), 10) == milliseconds(1200));
}

TEST_CASE("round trips are smoothed and bound the ack timeout", "[membership]") {
  RoundTrip round_trip;
  CHECK(round_trip.ack_timeout(Duration(100), Duration(10), Duration(200)) == Duration(100));
  round_trip.add(Duration(40));
  CHECK(round_trip.last() == Duration(40));
  CHECK(round_trip.ack_timeout(Duration(100), Duration(10), Duration(200)) == Duration(120));
  for (int i = 0; i < 100; ++i) round_trip.add(Duration(40));
  CHECK(round_trip.ack_timeout(Duration(100), Duration(10), Duration(200)) <= Duration(48));
  CHECK(round_trip.ack_timeout(Duration(100), Duration(60), Duration(200)) == Duration(60));
  round_trip.add(Duration(9000));
  CHECK(round_trip.ack_timeout(Duration(100), Duration(60), Duration(200)) == Duration(200));
}

TEST_CASE("both profiles are valid and every wrong value is named", "[membership]") {
  CHECK(MembershipConfig::wired().validate().empty());
  CHECK(MembershipConfig::wireless().validate().empty());
  MembershipConfig config;
  config.ack_timeout_max = milliseconds(150);
  config.gossip_fanout = 0;
  config.suspicion_refused = seconds(2);
  const auto complaints = config.validate();
  REQUIRE(complaints.size() == 3);
  CHECK(complaints[0].find("probe_interval") != std::string::npos);
  CHECK(complaints[1].find("suspicion_refused") != std::string::npos);
  CHECK(complaints[2].find("gossip_fanout") != std::string::npos);
}

TEST_CASE("gossip sends what was sent least, then the newest, each so many times", "[membership]") {
  GossipQueue queue;
  for (std::uint8_t i = 1; i <= 4; ++i) queue.put(said(terminal(i), MemberState::alive, 1));
  const ProcessId receiver = terminal(9).process;
  const auto first = queue.take(receiver, 2, 2);
  REQUIRE(first.size() == 2);
  CHECK(first[0].member == terminal(4));
  CHECK(first[1].member == terminal(3));
  const auto second = queue.take(receiver, 3, 2);
  REQUIRE(second.size() == 3);
  CHECK(second[0].member == terminal(2));
  CHECK(second[1].member == terminal(1));
  CHECK(second[2].member == terminal(4));
  CHECK(queue.size() == 3);
  // Nobody is told that he is alive himself, but he is told what is said against him.
  CHECK(queue.take(terminal(1).process, 9, 9).size() == 2);
  queue.put(said(terminal(1), MemberState::suspect, 1));
  CHECK(queue.take(terminal(1).process, 9, 9).front().member == terminal(1));
}

TEST_CASE("a ring gives everyone a turn in each round, newcomers too", "[membership]") {
  Random random(3);
  Ring ring;
  for (std::uint8_t i = 1; i <= 5; ++i) ring.insert(terminal(i).process, random);
  ring.advance(random, true);
  ring.advance(random, true);
  ring.insert(terminal(6).process, random);
  ring.remove(terminal(1).process);
  std::map<ProcessId, int> turns;
  for (int i = 0; i < 5 * 4 + 10; ++i) ++turns[*ring.advance(random, true)];
  CHECK(turns.size() == 5);
  for (const auto& [process, count] : turns) CHECK(count >= 4);
}

TEST_CASE("a link makes alive at once; it is probed at once and told the table", "[membership]") {
  Membership membership(MembershipConfig::wired(), terminal(1), Random(5), at(milliseconds(0)));
  membership.on_link_up(at(milliseconds(1)), terminal(2));
  const auto effects = membership.take_effects();
  const auto changes = only<MemberStateChanged>(effects);
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].update.state == MemberState::alive);
  CHECK_FALSE(changes[0].before);
  CHECK(sent<Ping>(effects).size() == 1);
  const auto tables = sent<Ack>(effects);
  REQUIRE(tables.size() == 1);
  CHECK(tables[0].second.sequence == 0);
  REQUIRE(tables[0].second.updates.size() == 1);
  CHECK(tables[0].second.updates[0].member == terminal(1));
  CHECK(membership.view_size() == 2);
  CHECK(membership.process_of(terminal(2).device()) == terminal(2).process);
}

TEST_CASE("pings are answered with the leader's news and our clock", "[membership]") {
  Membership membership = three_linked();
  membership.set_news_source([](Now, const ProcessId& to) {
    election::LeaderNews news;
    news.token = {to == terminal(2).process ? 7u : 8u, terminal(3).process};
    return news;
  });
  Ping ping;
  ping.sequence = 77;
  ping.leader.token = {6, terminal(2).process};
  membership.on_ping(at(milliseconds(500)), terminal(2).process, ping);
  const auto effects = membership.take_effects();
  const auto acks = sent<Ack>(effects);
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].first == terminal(2).process);
  CHECK(acks[0].second.sequence == 77);
  CHECK(acks[0].second.leader.token.term == 7);
  CHECK(acks[0].second.sent == at(milliseconds(500)).wall);
  const auto heard = only<LeaderNewsHeard>(effects);
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].from == terminal(2).process);
  CHECK(heard[0].news.token.term == 6);
}

TEST_CASE("an ack gives the round trip and the other clock's skew", "[membership]") {
  Membership membership(MembershipConfig::wired(), terminal(1), Random(5), at(milliseconds(0)));
  membership.on_link_up(at(milliseconds(0)), terminal(2));
  const auto pings = sent<Ping>(membership.take_effects());
  REQUIRE(pings.size() == 1);
  Ack ack;
  ack.sequence = pings[0].second.sequence;
  ack.sent = WallTime{at(milliseconds(20)).wall.utc_ms + 3000};
  membership.on_ack(at(milliseconds(40)), terminal(2).process, ack);
  const auto member = membership.find(terminal(2).process);
  REQUIRE(member);
  CHECK(member->round_trip == milliseconds(40));
  CHECK(member->clock_skew_ms == 3000);
}

TEST_CASE("an accusation alone makes nobody suspect; it is checked and told", "[membership]") {
  Membership membership = three_linked();
  membership.on_ack(at(milliseconds(10)), terminal(2).process,
                    carrier({said(terminal(3), MemberState::suspect, 1)}));
  const auto effects = membership.take_effects();
  CHECK(only<MemberStateChanged>(effects).empty());
  CHECK(membership.find(terminal(3).process)->state == MemberState::alive);
  const auto pings = sent<Ping>(effects);
  REQUIRE(pings.size() == 1);
  CHECK(pings[0].first == terminal(3).process);
  REQUIRE(pings[0].second.updates.size() >= 1);
  CHECK(pings[0].second.updates[0] == said(terminal(3), MemberState::suspect, 1));
  // It does not answer: now it is suspect here too, and that is passed on as our own testimony.
  Duration now = milliseconds(10);
  while (now < milliseconds(400)) {
    now = membership.next_deadline().since_start;
    membership.on_tick(at(now));
  }
  CHECK(membership.find(terminal(3).process)->state == MemberState::suspect);
}

TEST_CASE("what is said against us is refuted; an incarnation not ours is a copy", "[membership]") {
  Membership membership = three_linked();
  CHECK(membership.incarnation() == 1);
  Ping ping;
  ping.sequence = 5;
  ping.updates = {said(terminal(1), MemberState::suspect, 1)};
  membership.on_ping(at(milliseconds(100)), terminal(2).process, ping);
  CHECK(membership.incarnation() == 2);
  CHECK(membership.local_health() == 1);
  const auto acks = sent<Ack>(membership.take_effects());
  REQUIRE(acks.size() == 1);
  REQUIRE(acks[0].second.updates.size() >= 1);
  CHECK(acks[0].second.updates[0] == said(terminal(1), MemberState::alive, 2));

  membership.on_ping(at(milliseconds(110)), terminal(3).process, ping);  // old by now
  CHECK(membership.incarnation() == 2);
  membership.take_effects();

  // A higher one may be the echo of a lie: it is outbid. Who outbids us in turn is a copy.
  ping.updates = {said(terminal(1), MemberState::alive, 9)};
  membership.on_ping(at(milliseconds(120)), terminal(2).process, ping);
  membership.on_ping(at(milliseconds(130)), terminal(3).process, ping);
  CHECK(only<DeviceTwice>(membership.take_effects()).empty());
  CHECK(membership.incarnation() == 10);
  ping.updates = {said(terminal(1), MemberState::alive, 11)};
  membership.on_ping(at(milliseconds(132)), terminal(2).process, ping);
  membership.on_ping(at(milliseconds(134)), terminal(2).process, ping);
  CHECK(only<DeviceTwice>(membership.take_effects()).size() == 1);
  CHECK(membership.incarnation() == 10);
  // Absurd numbers lead nowhere.
  ping.updates = {said(terminal(1), MemberState::dead, ~std::uint64_t{0}),
                  said(terminal(3), MemberState::dead, ~std::uint64_t{0})};
  membership.on_ping(at(milliseconds(140)), terminal(2).process, ping);
  CHECK(membership.incarnation() == 10);
  CHECK(membership.find(terminal(3).process)->state == MemberState::alive);
}

TEST_CASE("an indirect probe is passed on, receipted and answered", "[membership]") {
  Membership helper = three_linked();
  PingRequest request;
  request.sequence = 42;
  request.target = terminal(3).process;
  helper.on_ping_request(at(milliseconds(100)), terminal(2).process, request);
  auto effects = helper.take_effects();
  const auto receipts = sent<Ack>(effects);
  REQUIRE(receipts.size() == 1);
  CHECK(receipts[0].second.sequence == 42);
  CHECK(receipts[0].second.about.is_none());
  const auto pings = sent<Ping>(effects);
  REQUIRE(pings.size() == 1);
  CHECK(pings[0].first == terminal(3).process);
  CHECK(pings[0].second.on_behalf_of == terminal(2).process);

  Ack ack;
  ack.sequence = pings[0].second.sequence;
  helper.on_ack(at(milliseconds(101)), terminal(2).process, ack);  // not the one that was asked
  CHECK(sent<Ack>(helper.take_effects()).empty());
  helper.on_ack(at(milliseconds(102)), terminal(3).process, ack);
  const auto answers = sent<Ack>(helper.take_effects());
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].first == terminal(2).process);
  CHECK(answers[0].second.sequence == 42);
  CHECK(answers[0].second.about == terminal(3).process);
}

TEST_CASE("a newer process of a device replaces the older, old news does not bring it back",
          "[membership]") {
  Membership membership = three_linked();
  MemberInfo next = terminal(3);
  next.process.bytes[0] = 33;
  next.started.utc_ms += 1000;
  membership.on_ack(at(milliseconds(100)), terminal(2).process,
                    carrier({said(next, MemberState::alive, 1)}));
  const auto effects = membership.take_effects();
  const auto changes = only<MemberStateChanged>(effects);
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].update.member == next);
  CHECK(changes[1].update.member == terminal(3));
  CHECK(changes[1].update.state == MemberState::dead);
  CHECK(only<LinkWanted>(effects).size() == 1);
  CHECK(membership.process_of(next.device()) == next.process);
  membership.on_ack(at(milliseconds(110)), terminal(2).process,
                    carrier({said(terminal(3), MemberState::alive, 1)}));
  CHECK(membership.find(terminal(3).process)->state == MemberState::dead);
  CHECK(membership.members().size() == 2);
  membership.check_invariants();
}

TEST_CASE("a ping that comes before our link to its sender is answered once the link is up",
          "[membership]") {
  Membership membership = three_linked();
  Ping ping;
  ping.sequence = 41;
  membership.on_ping(at(milliseconds(100)), terminal(4).process, ping);
  ping.sequence = 42;
  membership.on_ping(at(milliseconds(101)), terminal(4).process, ping);
  CHECK(sent<Ack>(membership.take_effects()).empty());

  membership.on_link_up(at(milliseconds(103)), terminal(4));
  std::vector<std::uint64_t> answered;
  for (const auto& [to, ack] : sent<Ack>(membership.take_effects())) {
    if (to == terminal(4).process && ack.sequence != 0) answered.push_back(ack.sequence);
  }
  CHECK(answered == std::vector<std::uint64_t>{42});
  // Once: a link that comes again owes nothing.
  membership.on_link_down(at(milliseconds(110)), terminal(4).process);
  membership.take_effects();
  membership.on_link_up(at(milliseconds(111)), terminal(4));
  for (const auto& [to, ack] : sent<Ack>(membership.take_effects())) CHECK(ack.sequence == 0);
}

TEST_CASE("pings of many that never get a link do not keep out who does", "[membership]") {
  Membership membership = three_linked();
  Ping ping;
  ping.sequence = 7;
  for (int i = 0; i < 1000; ++i) {
    ProcessId stranger;
    stranger.bytes[1] = static_cast<std::uint8_t>(i % 250 + 1);
    stranger.bytes[2] = static_cast<std::uint8_t>(i / 250);
    membership.on_ping(at(milliseconds(100)), stranger, ping);
    membership.check_invariants();
  }
  ping.sequence = 42;
  membership.on_ping(at(milliseconds(101)), terminal(4).process, ping);
  membership.take_effects();
  membership.on_link_up(at(milliseconds(103)), terminal(4));
  bool is_answered = false;
  for (const auto& [to, ack] : sent<Ack>(membership.take_effects())) {
    is_answered = is_answered || (to == terminal(4).process && ack.sequence == 42);
  }
  CHECK(is_answered);
}

TEST_CASE("two running processes of one device are two members until one is gone", "[membership]") {
  Membership membership = three_linked();
  MemberInfo clone = terminal(3);
  clone.process.bytes[0] = 33;
  clone.addresses = {"10.77.0.4:7411"};
  clone.started.utc_ms += 1000;
  membership.on_link_up(at(milliseconds(100)), clone);
  CHECK(membership.find(clone.process)->is_current);
  CHECK_FALSE(membership.find(terminal(3).process)->is_current);  // replaced, as far as is known

  // Both answer: pings sent after both were known.
  for (const auto& [to, ping] : sent<Ping>(membership.take_effects())) {
    Ack ack;
    ack.sequence = ping.sequence;
    membership.on_ack(at(milliseconds(101)), to, ack);
  }
  const auto effects = membership.take_effects();
  CHECK(only<DeviceTwice>(effects).size() == 1);
  CHECK(only<MemberStateChanged>(effects).size() >= 2);  // the view is to be made anew
  CHECK(membership.find(clone.process)->is_current);
  CHECK(membership.find(terminal(3).process)->is_current);
  membership.check_invariants();

  membership.on_leave(at(milliseconds(200)), clone.process, Leave{1});
  CHECK_FALSE(membership.find(clone.process)->is_current);
  CHECK(membership.find(terminal(3).process)->is_current);
  membership.check_invariants();
}

TEST_CASE("another process with our own device key is a member beside us", "[membership]") {
  Membership membership = three_linked();
  MemberInfo clone = terminal(1);
  clone.process.bytes[0] = 11;
  clone.addresses = {"10.77.0.4:7411"};
  membership.on_link_up(at(milliseconds(100)), clone);
  CHECK(only<DeviceTwice>(membership.take_effects()).size() == 1);
  CHECK(membership.find(clone.process)->is_current);
  membership.check_invariants();

  // It is cut off until it counts as dead, and then answers again over the same link.
  Duration time = milliseconds(200);
  while (membership.find(clone.process)->state != MemberState::dead) {
    time = std::max(time, membership.next_deadline().since_start);
    REQUIRE(time < seconds(10));
    membership.on_tick(at(time));
  }
  CHECK_FALSE(membership.find(clone.process)->is_current);
  membership.take_effects();
  while (sent<Ping>(membership.take_effects()).empty()) {
    time = std::max(time, membership.next_deadline().since_start);
    REQUIRE(time < seconds(20));
    membership.on_tick(at(time));
  }
  Ack ack;
  while (membership.find(clone.process)->state != MemberState::alive) {
    ++ack.sequence;
    REQUIRE(ack.sequence < 1000);
    membership.on_ack(at(time), clone.process, ack);
  }
  CHECK(membership.find(clone.process)->is_current);
  membership.check_invariants();
}

TEST_CASE("flags are announced at most so often, addresses at once", "[membership]") {
  Membership membership = three_linked();
  MemberInfo self = terminal(1);
  for (int i = 0; i < 100; ++i) {
    self.holds_all_pending = i % 2 == 1;
    membership.set_self(at(milliseconds(300 + i * 2)), self);
  }
  CHECK(membership.incarnation() == 2);  // the first change; the others wait
  self.reaches_cloud = true;
  membership.set_self(at(milliseconds(501)), self);
  membership.on_tick(at(milliseconds(552)));
  CHECK(membership.incarnation() == 3);
  self.addresses.push_back("[fe80::1]:7411");
  membership.set_self(at(milliseconds(553)), self);
  CHECK(membership.incarnation() == 4);
}

TEST_CASE("nobody is judged for a time in which our own loop did not run", "[membership]") {
  for (const bool told : {false, true}) {
    Membership membership = three_linked();
    Duration now = milliseconds(10);
    while (membership.find(terminal(3).process)->state == MemberState::alive) {
      now = membership.next_deadline().since_start;
      REQUIRE(now < seconds(2));
      membership.on_tick(at(now));
    }
    now += seconds(5);
    if (told) membership.on_stalled(at(now), seconds(5));
    membership.on_tick(at(now));
    CHECK(membership.find(terminal(3).process)->state == MemberState::suspect);
    // Now it has its full time again, and dies when that is over.
    const Duration resumed = now;
    while (membership.find(terminal(3).process)->state == MemberState::suspect) {
      now = membership.next_deadline().since_start;
      REQUIRE(now < resumed + seconds(4));
      membership.on_tick(at(now));
    }
    CHECK(now >= resumed + milliseconds(1100));
  }
}

TEST_CASE("after leaving only pings are answered", "[membership]") {
  Membership membership = three_linked();
  membership.leave(at(milliseconds(100)));
  CHECK(sent<Leave>(membership.take_effects()).size() == 2);
  CHECK(membership.next_deadline() == MonoTime::never());
  membership.on_tick(at(seconds(10)));
  membership.on_link_down(at(seconds(10)), terminal(2).process);
  CHECK(membership.take_effects().empty());
  membership.on_ping(at(seconds(10)), terminal(3).process, Ping{});
  CHECK(sent<Ack>(membership.take_effects()).size() == 1);
}

TEST_CASE("the number of known processes is bounded", "[membership]") {
  MembershipConfig config;
  config.members_max = 10;
  Membership membership(config, terminal(1), Random(5), at(milliseconds(0)));
  for (std::uint8_t i = 2; i <= 9; ++i) membership.on_link_up(at(milliseconds(1)), terminal(i));
  // Ever new processes of one device: the replaced ones make room.
  for (std::uint8_t i = 0; i < 100; ++i) {
    MemberInfo next = terminal(20);
    next.process.bytes[1] = i;
    next.started.utc_ms += i;
    membership.on_ack(at(milliseconds(2)), terminal(2).process,
                      carrier({said(next, MemberState::alive, 1)}));
    membership.check_invariants();
    CHECK(membership.process_of(next.device()) == next.process);
  }
  // A crowd of strangers is not taken in at the cost of those that are alive.
  for (std::uint8_t i = 100; i < 200; ++i) {
    membership.on_ack(at(milliseconds(3)), terminal(2).process,
                      carrier({said(terminal(i), MemberState::alive, 1)}));
    membership.check_invariants();
  }
  CHECK(membership.find(terminal(9).process)->state == MemberState::alive);
}

TEST_CASE("dead members are dialled for ever, with a growing pause", "[membership]") {
  Membership membership(MembershipConfig::wired(), terminal(1), Random(5), at(milliseconds(0)));
  RememberedMember remembered;
  remembered.member = terminal(2);
  remembered.member.addresses = {"10.77.0.2:7411", "10.77.1.2:7411"};
  remembered.last_good_address = "10.77.1.2:7411";
  membership.remember(at(milliseconds(0)), {remembered});
  CHECK(membership.members().at(0).remembered);
  CHECK(membership.view_size() == 1);
  std::vector<double> dialled;
  Duration now{};
  while (now < seconds(120)) {
    for (const LinkWanted& wanted : only<LinkWanted>(membership.take_effects())) {
      CHECK(wanted.addresses == std::vector<std::string>{"10.77.1.2:7411", "10.77.0.2:7411"});
      dialled.push_back(static_cast<double>(now.count()) / 1e6);
    }
    now = std::max(now, membership.next_deadline().since_start);
    membership.on_tick(at(now));
    membership.check_invariants();
  }
  CHECK(membership.find(terminal(2).process)->state == MemberState::dead);
  REQUIRE(dialled.size() > 20);
  CHECK(dialled[0] == 0);
  CHECK(dialled.back() > 114);
  CHECK(dialled[dialled.size() - 1] - dialled[dialled.size() - 2] == Approx(5));
}

TEST_CASE("membership transcripts", "[membership]") {
  const bool rewrite = std::getenv("TITAN_REWRITE_TRANSCRIPTS") != nullptr;
  std::size_t count = 0;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(TITAN_MEMBERSHIP_TRANSCRIPTS)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    ++count;
    std::ostringstream expected;
    expected << std::ifstream(path).rdbuf();
    const std::string got = lab::run_transcript(expected.str());
    if (rewrite) std::ofstream(path) << got;
    INFO(path.filename().string());
    CHECK(got.find("NO AGREEMENT") == std::string::npos);
    CHECK(got.find("NOT ALL HOLD") == std::string::npos);
    if (!rewrite) CHECK(got == expected.str());
  }
  CHECK(count >= 16);
}

// ---- who says that a member left ---------------------------------------------------------------

TEST_CASE("what others say of a living member's leaving makes us look, no more", "[membership]") {
  Membership membership = three_linked();
  const ProcessId victim = terminal(3).process;
  membership.on_ack(at(milliseconds(10)), terminal(2).process,
                    carrier({said(terminal(3), MemberState::left, 1'000)}));
  CHECK(membership.find(victim)->state == MemberState::alive);
  const auto pings = sent<Ping>(membership.take_effects());
  REQUIRE(pings.size() == 1);
  CHECK(pings[0].first == victim);
  // It is told what is said of it.
  REQUIRE(!pings[0].second.updates.empty());
  CHECK(pings[0].second.updates[0].state == MemberState::left);
  Ack answer = carrier({said(terminal(3), MemberState::alive, 1'001)});
  answer.sequence = pings[0].second.sequence;
  membership.on_ack(at(milliseconds(11)), victim, answer);
  CHECK(membership.find(victim)->state == MemberState::alive);
  CHECK(membership.find(victim)->incarnation == 1'001);
  membership.check_invariants();
}

TEST_CASE("who is said to have left and is found silent has left", "[membership]") {
  Membership membership = three_linked();
  const ProcessId gone = terminal(3).process;
  membership.on_ack(at(milliseconds(10)), terminal(2).process,
                    carrier({said(terminal(3), MemberState::left, 1)}));
  Duration time = milliseconds(10);
  while (membership.find(gone)->state != MemberState::left && time < seconds(5)) {
    time += milliseconds(10);
    membership.on_tick(at(time));
    for (const auto& [to, ping] : sent<Ping>(membership.take_effects())) {
      if (to == gone) continue;
      Ack ack;
      ack.sequence = ping.sequence;
      membership.on_ack(at(time), to, ack);
    }
    membership.check_invariants();
  }
  CHECK(membership.find(gone)->state == MemberState::left);
  CHECK_FALSE(membership.find(gone)->said_goodbye);
  // It was a lie after all: one link, and it is back.
  membership.on_link_down(at(time), gone);
  membership.on_link_up(at(time), terminal(3));
  CHECK(membership.find(gone)->state == MemberState::alive);
}

TEST_CASE("a member leaves by its own word, in a goodbye or an answer", "[membership]") {
  Membership membership = three_linked();
  membership.on_leave(at(milliseconds(10)), terminal(2).process, Leave{1});
  membership.on_ack(at(milliseconds(10)), terminal(3).process,
                    carrier({said(terminal(3), MemberState::left, 1)}));
  for (const std::uint8_t other : {2, 3}) {
    CHECK(membership.find(terminal(other).process)->state == MemberState::left);
    CHECK(membership.find(terminal(other).process)->said_goodbye);
  }
  membership.check_invariants();
}

TEST_CASE("who has left says so to whoever asks", "[membership]") {
  Membership membership = three_linked();
  membership.leave(at(milliseconds(10)));
  membership.take_effects();
  membership.on_ping(at(milliseconds(11)), terminal(2).process, Ping{7, {}, {}, {}, {}});
  const auto acks = sent<Ack>(membership.take_effects());
  REQUIRE(acks.size() == 1);
  REQUIRE(acks[0].second.updates.size() == 1);
  CHECK(acks[0].second.updates[0].member.process == terminal(1).process);
  CHECK(acks[0].second.updates[0].state == MemberState::left);
}

TEST_CASE("facts of ours that we never told under our incarnation are a copy's", "[membership]") {
  Membership membership = three_linked();
  MemberUpdate update = said(terminal(1), MemberState::alive, 1);
  update.member.addresses = {"10.77.0.4:7411"};
  membership.on_ack(at(milliseconds(10)), terminal(2).process, carrier({update}));
  CHECK(only<DeviceTwice>(membership.take_effects()).size() == 1);
}

TEST_CASE("a suspicion under an incarnation that a false leave made up is no copy",
          "[membership]") {
  Membership membership = three_linked();
  // Who believed the lie suspects us under its number; that came here before the lie itself.
  membership.on_ack(at(milliseconds(10)), terminal(2).process,
                    carrier({said(terminal(1), MemberState::suspect, 1'000)}));
  membership.on_ack(at(milliseconds(20)), terminal(3).process,
                    carrier({said(terminal(1), MemberState::left, 1'000)}));
  membership.on_ack(at(milliseconds(30)), terminal(3).process,
                    carrier({said(terminal(1), MemberState::alive, 1'000)}));
  CHECK(membership.incarnation() == 1'001);
  CHECK(only<DeviceTwice>(membership.take_effects()).empty());
}

TEST_CASE("its subject refutes a leave under any incarnation that can be", "[membership]") {
  Membership membership = three_linked();
  membership.on_ack(at(milliseconds(10)), terminal(2).process,
                    carrier({said(terminal(1), MemberState::left, 5'000)}));
  CHECK(membership.incarnation() == 5'001);
  CHECK(only<DeviceTwice>(membership.take_effects()).empty());
  // Beyond what can be, nobody believes it: there is nothing to refute.
  membership.on_ack(at(milliseconds(20)), terminal(2).process,
                    carrier({said(terminal(1), MemberState::left, std::uint64_t{1} << 61)}));
  CHECK(membership.incarnation() == 5'001);
}

TEST_CASE("an incarnation that jumps too far counts from its own process only", "[membership]") {
  Membership membership = three_linked();
  const std::uint64_t far = incarnation_jump_max * 2;
  membership.on_ack(at(milliseconds(10)), terminal(2).process,
                    carrier({said(terminal(3), MemberState::alive, far)}));
  CHECK(membership.find(terminal(3).process)->incarnation == 1);
  membership.on_ack(at(milliseconds(10)), terminal(3).process,
                    carrier({said(terminal(3), MemberState::alive, far)}));
  CHECK(membership.find(terminal(3).process)->incarnation == far);
}
