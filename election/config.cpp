#include "election/config.h"

namespace titan::election {
namespace {

std::string in_ms(Duration duration) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(duration).count()) + " ms";
}

}  // namespace

Config Config::wireless() {
  Config config;
  config.beat_interval = milliseconds(500);
  config.lease = seconds(4);  // a roaming gap of 3 s is not a crash
  config.rank_step = milliseconds(200);
  config.jitter_max = milliseconds(100);
  config.start_wait = seconds(5);
  config.pre_vote_timeout = milliseconds(1000);
  config.vote_timeout = milliseconds(2000);
  config.ask_again = milliseconds(400);
  config.vote_hold = milliseconds(1000);
  config.retry_min = milliseconds(300);
  config.deaf_after = seconds(8);
  config.alone_wait = seconds(5);
  config.view_settle = seconds(30);
  config.hand_over_timeout = milliseconds(400);
  return config;
}

std::vector<std::string> Config::validate() const {
  std::vector<std::string> complaints;
  const auto check = [&complaints](bool right, std::string complaint) {
    if (!right) complaints.push_back(std::move(complaint));
  };
  const auto positive = [&check](Duration value, const char* field) {
    check(value > Duration::zero(),
          std::string("election.") + field + " is " + in_ms(value) + ": it must be above 0");
  };
  positive(beat_interval, "beat_interval");
  positive(rank_step, "rank_step");
  positive(pre_vote_timeout, "pre_vote_timeout");
  positive(vote_timeout, "vote_timeout");
  positive(ask_again, "ask_again");
  positive(retry_min, "retry_min");
  positive(hand_over_timeout, "hand_over_timeout");
  positive(cloud_patience, "cloud_patience");
  check(jitter_max >= Duration::zero(), "election.jitter_max is negative: use 0 or more");
  check(vote_hold >= Duration::zero(), "election.vote_hold is negative: use 0 or more");
  check(view_settle >= Duration::zero(), "election.view_settle is negative: use 0 or more");
  check(alone_wait >= Duration::zero(), "election.alone_wait is negative: use 0 or more");
  check(lease >= 3 * beat_interval,
        "election.lease is " + in_ms(lease) + " with a beat every " + in_ms(beat_interval) +
            ": one lost beat would start an election; use at least 3 beats");
  check(start_wait > lease, "election.start_wait is " + in_ms(start_wait) + ", the lease " +
                                in_ms(lease) + ": a starting till would not hear the leader in " +
                                "time; use more than the lease");
  check(deaf_after > lease, "election.deaf_after is " + in_ms(deaf_after) + ", the lease " +
                                in_ms(lease) + ": use more than the lease");
  check(rank_count >= 1, "election.rank_count is 0: use at least 1");
  check(deaf_company_min >= 1, "election.deaf_company_min is 0: use at least 1");
  check(whole_view_every >= 1, "election.whole_view_every is 0: use at least 1");
  check(hand_over_tries >= 1, "election.hand_over_tries is 0: use at least 1");
  check(withheld_max >= 2, "election.withheld_max is " + std::to_string(withheld_max) +
                               ": a vote for oneself and one for another must fit; use at least 2");
  check(retry_doublings_max <= 16, "election.retry_doublings_max is " +
                                       std::to_string(retry_doublings_max) +
                                       ": waits would outgrow any bound; use at most 16");
  return complaints;
}

}  // namespace titan::election
