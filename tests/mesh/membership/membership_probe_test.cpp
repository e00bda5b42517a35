// Links, probes and their answers; whom to look for, and when not to judge.
#include <catch2/catch.hpp>

#include "tests/mesh/membership/single_inputs.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

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
