// One Election by itself, driven by hand: inputs go in one by one, effects are looked at.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <vector>

#include "election/election.h"
#include "tests/election/voters.h"

namespace titan::election {

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

inline LeaderNews news_of(std::uint8_t leader, std::uint64_t term, std::uint64_t beat,
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

}  // namespace titan::election
