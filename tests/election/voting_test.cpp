// Asking and answering: when a process stands, what it promises, whom it vetoes.
#include <catch2/catch.hpp>

#include <optional>

#include "tests/election/machine.h"

namespace titan::election {

TEST_CASE("nobody stands before it has been told its view") {
  Election election(Config::wired(), process(1), device(1), true, 0, {}, 0, Random(1),
                    Machine::at_ms(0));
  CHECK(election.next_deadline() == MonoTime::never());
  election.on_tick(Machine::at_ms(5000));
  CHECK(election.take_effects().empty());
}

TEST_CASE("nobody stands before its start wait is over, even if the view shrinks to itself") {
  Machine machine(3);
  machine.run(milliseconds(100));
  for (Voter& other : machine.voters()) other.alive = false;
  machine.tell_view();
  machine.run(milliseconds(399));
  CHECK(machine.election().role() == Role::follower);
  machine.run(milliseconds(30));
  CHECK(machine.election().role() == Role::candidate);
}

TEST_CASE("a vote leaves only after its promise is stored") {
  Machine machine(3);
  machine.message(2, VoteRequest{5, {}});
  const Effects asked = machine.take();
  REQUIRE(asked.promises.size() == 1);
  CHECK(asked.promises[0] == Promise{5, process(2)});
  CHECK_FALSE(sent<VoteReply>(asked, 2));
  machine.election().on_promise_stored(machine.now(), asked.promises[0]);
  const auto reply = sent<VoteReply>(machine.take(), 2);
  REQUIRE(reply);
  CHECK(reply->answer == VoteAnswer::granted);
  CHECK(reply->term == 5);
}

TEST_CASE("a term is promised once, also after a restart; the same candidate is answered again") {
  Machine machine(3, true, Promise{5, process(2)});
  machine.message(3, VoteRequest{5, {}});
  const auto refused = sent<VoteReply>(machine.take(), 3);
  REQUIRE(refused);
  CHECK(refused->answer == VoteAnswer::promised_higher);
  CHECK(refused->promised_term == 5);
  machine.message(3, VoteRequest{4, {}});
  CHECK(sent<VoteReply>(machine.take(), 3)->answer == VoteAnswer::promised_higher);

  machine.message(2, VoteRequest{5, {}});
  const Effects again = machine.take();
  CHECK(again.promises.empty());
  REQUIRE(sent<VoteReply>(again, 2));
  CHECK(sent<VoteReply>(again, 2)->answer == VoteAnswer::granted);
}

TEST_CASE("the own vote counts only once it is stored, the others' may come first") {
  Machine machine(3);
  machine.run(milliseconds(600));
  const auto round = sent<PreVoteRequest>(machine.take(), 2)->round;
  machine.message(2, PreVoteReply{round});
  const Effects standing = machine.take();
  REQUIRE(standing.promises.size() == 1);
  CHECK(sent<VoteRequest>(standing, 3));
  machine.message(2, VoteReply{standing.promises[0].term});
  CHECK(machine.election().role() == Role::candidate);
  machine.election().on_promise_stored(machine.now(), standing.promises[0]);
  CHECK(machine.election().role() == Role::leader);
}

TEST_CASE("the answers to a pre-vote raise the term above every promise") {
  Machine machine(3);
  machine.run(milliseconds(600));
  const auto round = sent<PreVoteRequest>(machine.take(), 2)->round;
  machine.message(2, PreVoteReply{round, VoteAnswer::granted, 41, {}});
  CHECK(machine.election().promise() == Promise{42, process(1)});
}

TEST_CASE("answers of an earlier round and of another term do not count") {
  Machine machine(3);
  machine.run(milliseconds(600));
  const auto round = sent<PreVoteRequest>(machine.take(), 2)->round;
  machine.message(2, PreVoteReply{round - 1});
  CHECK(machine.election().role() == Role::pre_candidate);
  machine.message(2, PreVoteReply{round});
  REQUIRE(machine.election().role() == Role::candidate);
  machine.store_promises();
  machine.message(2, VoteReply{machine.election().promise().term + 1});
  machine.message(2, VoteReply{machine.election().promise().term - 1});
  CHECK(machine.election().role() == Role::candidate);
}

TEST_CASE("a device that runs twice has two votes, and each may follow the other's leader") {
  Machine machine(3);
  Voter clone = voter(4);
  clone.device = device(3);
  machine.voters().push_back(clone);
  Voter beside_self = voter(5);
  beside_self.device = device(1);
  machine.voters().push_back(beside_self);
  machine.tell_view();

  machine.run(milliseconds(600));
  const Effects asking = machine.take();
  for (const std::uint8_t other : {2, 3, 4, 5}) CHECK(sent<PreVoteRequest>(asking, other));
  const auto round = sent<PreVoteRequest>(asking, 2)->round;
  machine.message(2, PreVoteReply{round});
  CHECK(machine.election().role() == Role::pre_candidate);  // two of five
  machine.message(3, PreVoteReply{round});
  CHECK(machine.election().role() == Role::candidate);

  // One of the two leads: that the other is there as well does not make it another one.
  LeaderNews news = news_of(3, 9, 1);
  machine.message(3, Beat{news});
  CHECK(machine.election().leader() == news.token);
  machine.tell_view();
  CHECK(machine.election().leader() == news.token);
  // It dies; the other is no reason to believe in it.
  for (Voter& voter : machine.voters()) {
    if (voter.process == process(3)) voter.alive = false;
  }
  machine.tell_view();
  machine.run(milliseconds(500));
  CHECK(machine.election().leader() == std::nullopt);
}

TEST_CASE("a terminal that may not lead never stands, but votes and vetoes") {
  Machine machine(3, false);
  machine.run(seconds(30));
  CHECK(machine.take().sends.empty());
  machine.message(2, VoteRequest{1, {}});
  machine.store_promises();
  CHECK(sent<VoteReply>(machine.take(), 2)->answer == VoteAnswer::granted);
  machine.message(2, Beat{news_of(2, 1, 1)});
  machine.message(2, HandOver{{1, process(2)}, HandOverReason::leaving});
  CHECK(machine.election().role() == Role::follower);
}

}  // namespace titan::election
