// What a follower makes of what it hears: whom it follows, for how long, and when it goes over.
#include <catch2/catch.hpp>

#include <vector>

#include "tests/election/machine.h"

namespace titan::election {

TEST_CASE("a beat that does not list this member renews nothing and founds no veto") {
  Machine machine(3);
  LeaderNews unlisted = news_of(2, 7, 1);
  unlisted.view = {process(3)};
  machine.message(2, Beat{unlisted});
  CHECK_FALSE(machine.election().leader());
  machine.message(3, PreVoteRequest{1});
  CHECK(sent<PreVoteReply>(machine.take(), 3)->answer == VoteAnswer::granted);

  machine.message(2, Beat{news_of(2, 7, 2)});
  REQUIRE(machine.election().leader() == Token{7, process(2)});
  machine.message(3, PreVoteRequest{2});
  const auto veto = sent<PreVoteReply>(machine.take(), 3);
  CHECK(veto->answer == VoteAnswer::leader_alive);
  CHECK(veto->news.token == Token{7, process(2)});
  machine.message(3, VoteRequest{9, {}});
  CHECK(sent<VoteReply>(machine.take(), 3)->answer == VoteAnswer::leader_alive);
}

TEST_CASE("news renews the lease like a beat, by its age; the same beat told twice does not") {
  Machine machine(3);
  machine.message(2, Beat{news_of(2, 7, 1)});
  machine.run(milliseconds(300));
  machine.news(3, news_of(2, 7, 1));  // an echo, though it claims to be fresh
  CHECK(machine.election().next_deadline() == MonoTime{milliseconds(400)});
  machine.news(3, news_of(2, 7, 2, milliseconds(100)));
  CHECK(machine.election().next_deadline() == MonoTime{milliseconds(600)});
  machine.run(milliseconds(299));
  CHECK(machine.election().leader());
  machine.run(milliseconds(2));
  CHECK_FALSE(machine.election().leader());
}

TEST_CASE("a follower does not leave a live leader for a higher token") {
  Machine machine(3);
  machine.message(2, Beat{news_of(2, 7, 1)});
  machine.message(3, Beat{news_of(3, 900, 1)});
  CHECK(machine.election().leader() == Token{7, process(2)});
  // It passes on the higher one, so that the two get to know of each other.
  LeaderNews whole = news_of(3, 900, 2);
  whole.view_is_whole = true;
  whole.view = {process(1), process(2), process(3)};
  machine.message(3, Beat{whole});
  const LeaderNews told = machine.election().news(machine.now(), process(2));
  CHECK(told.token == Token{900, process(3)});
  CHECK(told.view == std::vector<ProcessId>{process(2)});
  // When its own falls silent it goes over without an election.
  machine.run(milliseconds(350));
  whole.beat = 3;
  machine.message(3, Beat{whole});
  machine.run(milliseconds(60));
  CHECK(machine.election().leader() == Token{900, process(3)});
}

TEST_CASE("a copy of the leader that led on under a higher term is forgotten for its original") {
  Machine machine(2);
  machine.message(2, Beat{news_of(2, 9, 500)});  // the copy, which is gone
  machine.run(milliseconds(100));
  machine.message(2, Beat{news_of(2, 7, 40)});  // while it may live its original is not heard
  CHECK(machine.election().leader() == Token{9, process(2)});
  machine.run(milliseconds(310));
  REQUIRE_FALSE(machine.election().leader());
  machine.news(3, news_of(2, 7, 41));  // hearsay of an older token may be of long ago
  CHECK_FALSE(machine.election().leader());
  machine.message(2, Beat{news_of(2, 7, 42)});
  CHECK(machine.election().leader() == Token{7, process(2)});
}

TEST_CASE("a leader whose device shows another process is gone at once") {
  Machine machine(3);
  machine.message(2, Beat{news_of(2, 7, 1)});
  REQUIRE(machine.election().leader());
  machine.voters()[0].process = process(20);
  machine.tell_view();
  CHECK_FALSE(machine.election().leader());
}

TEST_CASE("a stalled follower restarts its lease, but what it did not hear founds no veto") {
  Machine machine(3);
  machine.message(2, Beat{news_of(2, 7, 1)});
  const Now later = Machine::at_ms(1500);
  machine.election().on_stalled(later, milliseconds(1400));
  machine.election().on_tick(later);
  CHECK(machine.election().leader() == Token{7, process(2)});
  CHECK(machine.election().next_deadline() == MonoTime{milliseconds(1900)});
  machine.election().on_message(later, process(3), PreVoteRequest{1});
  CHECK(sent<PreVoteReply>(machine.take(), 3)->answer == VoteAnswer::granted);
}

TEST_CASE("after leaving it is silent") {
  Machine machine(3);
  machine.message(2, Beat{news_of(2, 7, 1)});
  machine.election().leave(machine.now());
  CHECK(machine.election().has_left());
  machine.take();
  machine.message(3, PreVoteRequest{1});
  machine.message(3, VoteRequest{100, {}});
  machine.run(seconds(5));
  CHECK(machine.take().empty());
  CHECK(machine.election().next_deadline() == MonoTime::never());
  CHECK(machine.election().news(machine.now(), process(3)).token.is_none());
}

}  // namespace titan::election
