// One Election by itself: what it must and must not do on single inputs, and on rubbish.
#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "election/describe.h"
#include "election/election.h"
#include "election/term_bound.h"

namespace titan::election {
namespace {

ProcessId process(std::uint8_t number) {
  ProcessId id;
  id.bytes[0] = number;
  return id;
}

DeviceId device(std::uint8_t number) {
  DeviceId id;
  id.bytes[0] = number;
  return id;
}

Voter voter(std::uint8_t number) {
  Voter result;
  result.process = process(number);
  result.device = device(number);
  result.alive = true;
  return result;
}

// Process 1 of a store of `members`, driven by hand.
class Machine {
 public:
  explicit Machine(std::uint8_t members, bool may_lead = true, Promise stored = {})
      : election_(Config::wired(), process(1), device(1), may_lead, 0, stored, 0, Random(7),
                  at_ms(0)) {
    for (std::uint8_t i = 2; i <= members; ++i) voters_.push_back(voter(i));
    election_.on_view(now(), voters_);
  }

  static Now at_ms(std::int64_t ms) { return {{milliseconds(ms)}, {}}; }
  Now now() const { return {time_, {}}; }
  Election& election() { return election_; }
  std::vector<Voter>& voters() { return voters_; }
  void tell_view() { election_.on_view(now(), voters_); }

  void message(std::uint8_t from, const Message& content) {
    election_.on_message(now(), process(from), content);
  }
  void news(std::uint8_t from, const LeaderNews& content) {
    election_.on_leader_news(now(), process(from), content);
  }

  // Ticks at every deadline on the way.
  void run(Duration length) {
    const MonoTime until = time_ + length;
    while (election_.next_deadline() <= until) {
      time_ = std::max(time_, election_.next_deadline());
      election_.on_tick(now());
    }
    time_ = until;
  }

  // Disk and the other members do what is wanted of them, but nothing arrives by itself.
  void store_promises() {
    const Effects effects = take();
    for (const Promise& promise : effects.promises) election_.on_promise_stored(now(), promise);
  }

  Effects take() { return election_.take_effects(); }

  // Elected by the members 2 and 3.
  void become_leader() {
    run(milliseconds(600));
    REQUIRE(election_.role() == Role::pre_candidate);
    const auto round = std::get<PreVoteRequest>(take().sends.at(0).message).round;
    for (const std::uint8_t i : {2, 3}) {
      if (election_.role() == Role::pre_candidate) message(i, PreVoteReply{round});
    }
    REQUIRE(election_.role() == Role::candidate);
    const std::uint64_t term = election_.promise().term;
    store_promises();
    for (const std::uint8_t i : {2, 3}) {
      if (election_.role() == Role::candidate) message(i, VoteReply{term});
    }
    REQUIRE(election_.role() == Role::leader);
    take();
  }

 private:
  MonoTime time_;
  Election election_;
  std::vector<Voter> voters_;
};

LeaderNews news_of(std::uint8_t leader, std::uint64_t term, std::uint64_t beat,
                   Duration age = Duration::zero()) {
  LeaderNews news;
  news.token = {term, process(leader)};
  news.beat = beat;
  news.beat_age = age;
  news.view_size = 3;
  news.view = {process(1)};
  return news;
}

template <class Wanted>
std::optional<Wanted> sent(const Effects& effects, std::uint8_t to) {
  for (const Send& send : effects.sends) {
    const auto* wanted = std::get_if<Wanted>(&send.message);
    if (send.to == process(to) && wanted != nullptr) return *wanted;
  }
  return std::nullopt;
}

template <class Wanted>
bool happened(const Effects& effects) {
  return std::any_of(effects.events.begin(), effects.events.end(),
                     [](const Event& event) { return std::holds_alternative<Wanted>(event); });
}

}  // namespace

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

TEST_CASE("every event and message has a text") {
  CHECK(describe(Event{BecameLeader{{3, process(1)}}}) == "leads under (3 01000000)");
  CHECK(describe(Event{LeaderChanged{}}) == "hears no leader");
  CHECK(describe(Message{VoteReply{4, VoteAnswer::promised_higher, 9, {}}}) ==
        "vote for term 4 refused: promised already: term 9");
}

}  // namespace titan::election
