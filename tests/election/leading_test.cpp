// What a leader does: beats, stalls, meeting another leader, raising its term.
#include <catch2/catch.hpp>

#include <vector>

#include "tests/election/machine.h"

namespace titan::election {

TEST_CASE("a leader that stalled asks before it beats again; a short stall changes nothing") {
  Machine machine(3);
  machine.become_leader();
  machine.election().on_stalled(machine.now(), milliseconds(200));
  CHECK(machine.election().role() == Role::leader);
  machine.election().on_stalled(machine.now(), milliseconds(401));
  const Effects effects = machine.take();
  CHECK(happened<SteppedDown>(effects));
  CHECK(sent<PreVoteRequest>(effects, 2));
  CHECK_FALSE(sent<Beat>(effects, 2));
}

TEST_CASE("a leader that stalled while another one is heard follows that one") {
  Machine machine(3);
  machine.become_leader();
  LeaderNews other = news_of(3, 1, 1);
  other.view_size = 0;
  machine.message(3, Beat{other});
  REQUIRE(machine.election().role() == Role::leader);
  machine.take();
  machine.election().on_stalled(machine.now(), seconds(1));
  CHECK(machine.election().leader() == other.token);
  CHECK_FALSE(sent<PreVoteRequest>(machine.take(), 2));
}

TEST_CASE("a leader never takes a term twice, and its beats keep counting") {
  Machine machine(3);
  machine.become_leader();
  const Token first = *machine.election().leader();
  const std::uint64_t beat = machine.election().news(machine.now(), process(2)).beat;
  machine.election().on_stalled(machine.now(), seconds(1));
  const auto round = sent<PreVoteRequest>(machine.take(), 2)->round;
  machine.message(2, PreVoteReply{round});
  machine.store_promises();
  machine.message(3, VoteReply{machine.election().promise().term});
  REQUIRE(machine.election().role() == Role::leader);
  CHECK(*machine.election().leader() > first);
  CHECK(machine.election().news(machine.now(), process(2)).beat > beat);
}

TEST_CASE("the better of two leaders raises its term first, then the other steps down") {
  Machine machine(3);
  machine.become_leader();
  const Token own = *machine.election().leader();
  // Worse (smaller view), higher token: a remembered or boasting token alone deposes nobody.
  LeaderNews tablet = news_of(3, 50, 1);
  tablet.view_size = 0;
  machine.message(3, Beat{tablet});
  const Effects raised = machine.take();
  REQUIRE(raised.promises.size() == 1);
  CHECK(raised.promises[0] == Promise{51, process(1)});
  CHECK(*machine.election().leader() == own);  // until the promise is stored
  machine.election().on_promise_stored(machine.now(), raised.promises[0]);
  CHECK(*machine.election().leader() == Token{51, process(1)});

  // Better (the cloud's lease), but still under a lower token: it has to raise first.
  LeaderNews holder = news_of(2, 8, 1);
  holder.holds_cloud_lease = true;
  machine.message(2, Beat{holder});
  CHECK(machine.election().role() == Role::leader);
  holder.token.term = 52;
  holder.beat = 2;
  machine.message(2, Beat{holder});
  CHECK(machine.election().role() == Role::follower);
  CHECK(machine.election().leader() == Token{52, process(2)});
}

TEST_CASE("hearsay of a single beat deposes no leader, a second beat does") {
  Machine machine(4);
  machine.become_leader();
  LeaderNews other = news_of(3, 50, 1);
  other.holds_cloud_lease = true;
  machine.news(2, other);
  machine.news(4, other);
  CHECK(machine.election().role() == Role::leader);
  other.beat = 2;
  machine.news(2, other);
  CHECK(machine.election().role() == Role::follower);
}

TEST_CASE("a refused lease deposes nobody; a gone holder's term is risen above") {
  Machine machine(3);
  machine.become_leader();
  const Token own = *machine.election().leader();
  machine.election().on_lease_refused(machine.now(), Token{90, process(77)}, false);
  CHECK(machine.take().empty());
  CHECK(*machine.election().leader() == own);
  machine.election().on_lease_refused(machine.now(), Token{90, process(77)}, true);
  machine.store_promises();
  const Effects effects = machine.take();
  CHECK(*machine.election().leader() == Token{91, process(1)});
  CHECK(happened<TokenRaised>(effects));
  CHECK(sent<Beat>(effects, 2)->news.token == Token{91, process(1)});
}

TEST_CASE("whole views are sent when the view changed, otherwise one id") {
  Machine machine(3);
  machine.become_leader();
  machine.run(seconds(1));
  machine.news(2, LeaderNews{});
  machine.take();
  machine.run(milliseconds(100));
  const auto usual = sent<Beat>(machine.take(), 2);
  REQUIRE(usual);
  CHECK_FALSE(usual->news.view_is_whole);
  CHECK(usual->news.view == std::vector<ProcessId>{process(2)});
  machine.voters().push_back(voter(4));
  machine.tell_view();
  machine.run(milliseconds(100));
  const auto changed = sent<Beat>(machine.take(), 2);
  REQUIRE(changed);
  CHECK(changed->news.view_is_whole);
  CHECK(changed->news.view.size() == 4);
  CHECK(changed->news.view_number != usual->news.view_number);
}

}  // namespace titan::election
