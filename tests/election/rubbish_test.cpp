// Messages that no honest member sends: absurd terms and ages, and anything at random.
#include <catch2/catch.hpp>

#include "election/term_bound.h"
#include "tests/election/machine.h"

namespace titan::election {

TEST_CASE("rubbish terms and ages are survived") {
  Machine machine(3);
  LeaderNews rubbish = news_of(2, ~std::uint64_t{0}, 1);
  machine.message(2, Beat{rubbish});
  CHECK_FALSE(machine.election().leader());
  machine.message(2, VoteRequest{~std::uint64_t{0}, {}});
  machine.message(2, VoteRequest{0, {}});
  CHECK(machine.take().promises.empty());
  LeaderNews future = news_of(2, 3, 1, Duration::min());
  machine.message(2, Beat{future});
  CHECK(machine.election().next_deadline() == MonoTime{milliseconds(400)});
  machine.message(3, Beat{news_of(2, 3, 2)});  // in another's name
  CHECK(machine.election().next_deadline() == MonoTime{milliseconds(400)});
}

TEST_CASE("a term that jumps too far is taken in from nowhere") {
  Machine machine(3);
  machine.become_leader();
  const std::uint64_t own = machine.election().leader()->term;
  const std::uint64_t too_far = own + term_jump_max + 1;
  machine.message(3, Beat{news_of(3, too_far, 1)});
  machine.news(2, news_of(3, too_far, 2));
  machine.message(2, VoteRequest{too_far, {}});
  machine.message(2, VoteReply{own, VoteAnswer::promised_higher, too_far});
  machine.message(2, PreVoteReply{1, VoteAnswer::granted, too_far});
  machine.election().on_lease_refused(machine.now(), Token{too_far, process(77)}, true);
  machine.store_promises();
  CHECK(machine.election().leader()->term == own);
  CHECK(machine.election().role() == Role::leader);
  // The furthest that can be is followed, by a step above it.
  machine.election().on_lease_refused(machine.now(), Token{own + term_jump_max, process(77)}, true);
  machine.store_promises();
  CHECK(machine.election().leader()->term == own + term_jump_max + 1);
}

TEST_CASE("a follower that was told of an absurd term still votes and stands") {
  Machine machine(3);
  machine.message(3, Beat{news_of(3, term_max, 1)});
  CHECK_FALSE(machine.election().leader());
  machine.become_leader();
  CHECK(machine.election().leader()->term < 10);
}

TEST_CASE("random messages never break an invariant") {
  std::uint64_t led = 0;
  std::uint64_t followed = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    Random random(seed);
    Machine machine(4, !random.chance({1, 8}));
    const auto number = [&](std::uint64_t limit) { return random.below(limit); };
    const auto any_process = [&] { return static_cast<std::uint8_t>(number(6)); };
    const auto any_token = [&] { return Token{number(12), process(any_process())}; };
    const auto any_news = [&] {
      LeaderNews news = news_of(any_process(), number(12), number(40),
                                milliseconds(static_cast<std::int64_t>(number(500)) - 50));
      news.holds_cloud_lease = random.chance({1, 4});
      news.view_size = static_cast<std::uint32_t>(number(5));
      news.view_is_whole = random.chance({1, 2});
      if (random.chance({1, 4})) news.view.clear();
      return news;
    };
    const auto any_answer = [&] { return static_cast<VoteAnswer>(number(4)); };
    for (int step = 0; step < 300; ++step) {
      const std::uint8_t from = any_process();
      const std::uint64_t term = machine.election().promise().term + number(3);
      switch (number(13)) {
        case 0:
          machine.message(from, Beat{any_news()});
          break;
        case 1:
          machine.message(from, PreVoteRequest{number(9)});
          break;
        case 2:
          for (std::uint64_t round = 0; round < 12; ++round) {
            machine.message(from, PreVoteReply{round, any_answer(), number(12), any_news()});
          }
          break;
        case 3:
          machine.message(from, VoteRequest{term, any_token()});
          break;
        case 4:
          machine.message(from, VoteReply{term, any_answer(), number(12), any_news()});
          break;
        case 5:
          machine.message(from, HandOver{{number(12), process(from)}});
          break;
        case 6:
          machine.message(
              from, StepDown{{number(12), process(from)}, StepDownReason::leaving, any_token()});
          break;
        case 7:
          machine.news(from, any_news());
          break;
        case 8:
          machine.store_promises();
          break;
        case 9:
          machine.voters()[number(3)].alive = random.chance({2, 3});
          machine.tell_view();
          break;
        case 10:
          machine.election().on_lease_refused(machine.now(), any_token(), true);
          break;
        case 11:
          machine.election().on_leader_gone_hint(machine.now());
          break;
        case 12:
          if (number(4) == 0) machine.election().on_stalled(machine.now(), seconds(1));
          break;
      }
      machine.run(milliseconds(number(200)));
      machine.election().check_invariants();
      if (machine.election().role() == Role::leader) ++led;
      if (machine.election().role() == Role::follower && machine.election().leader()) ++followed;
    }
  }
  CHECK(led > 1000);
  CHECK(followed > 1000);
}

}  // namespace titan::election
