// What others say of members and of us, and what a goodbye is.
#include <catch2/catch.hpp>

#include "tests/mesh/membership/single_inputs.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

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
