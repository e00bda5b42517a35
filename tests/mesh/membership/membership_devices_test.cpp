// Devices with several processes: a newer one, a clone, a copy of ourselves.
#include <catch2/catch.hpp>

#include "tests/mesh/membership/single_inputs.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

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

TEST_CASE("facts of ours that we never told under our incarnation are a copy's", "[membership]") {
  Membership membership = three_linked();
  MemberUpdate update = said(terminal(1), MemberState::alive, 1);
  update.member.addresses = {"10.77.0.4:7411"};
  membership.on_ack(at(milliseconds(10)), terminal(2).process, carrier({update}));
  CHECK(only<DeviceTwice>(membership.take_effects()).size() == 1);
}
