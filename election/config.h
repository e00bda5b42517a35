// Every timing and limit of the election, in one struct.
//
// All terminals of a store use one profile: a follower with a lease shorter than its leader's beat
// would stand for ever (and be vetoed for ever).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace titan::election {

struct Config {
  // Leader -> each member of its view. Shorter: earlier notice of a crash; traffic rises with it.
  Duration beat_interval = milliseconds(100);
  // How long after the last beat a follower believes in its leader. Longer: fewer needless
  // elections on a busy machine; a crash goes unnoticed for longer.
  Duration lease = milliseconds(400);

  // A follower waits rank x rank_step before it stands. Longer: fewer rivals at the same moment;
  // fail-over slows when the best-ranked died with the leader. Must exceed a round trip.
  Duration rank_step = milliseconds(50);
  // Ranks beyond the last share its wait. More: fewer rivals in a big store, slower worst case.
  std::uint32_t rank_count = 6;
  // Random share of each wait. Longer: equals part sooner; fail-over slows by half of it.
  Duration jitter_max = milliseconds(20);
  // A process just started stands no earlier. Longer: the leader of a running store is heard for
  // certain; a cold start slows. Must exceed the lease.
  Duration start_wait = milliseconds(500);

  // A round of asking ends after this. Longer: relayed answers still count; a round that cannot
  // succeed holds up the next.
  Duration pre_vote_timeout = milliseconds(150);
  // As above for votes, which wait for a disk on the other side. Must exceed a slow commit.
  Duration vote_timeout = milliseconds(400);
  // Members that have not answered are asked again at this interval. Shorter: a lost frame costs
  // less; traffic of a round rises.
  Duration ask_again = milliseconds(60);
  // Who voted refuses pre-votes to others for this long, so that an election can come to its end.
  // Longer: fewer elections side by side; a candidate that dies in between costs more.
  Duration vote_hold = milliseconds(150);
  // After a failed round: between this and its double, the double doubling with each failure up to
  // retry_doublings_max times. Longer: rivals part; recovery slows.
  Duration retry_min = milliseconds(50);
  std::uint32_t retry_doublings_max = 3;

  // A leader that heard nobody for this long although deaf_company_min others were in its view
  // takes itself for deaf and steps down. Longer: fewer false alarms when all others are switched
  // off at once; a deaf leader keeps its followers for longer. Probes come many times in it.
  Duration deaf_after = seconds(2);
  std::uint32_t deaf_company_min = 2;
  // After that it does not make itself leader of a view of one for this long, unless it hears
  // someone. Longer: the others certainly have the uplink; a till really left alone waits longer.
  Duration alone_wait = seconds(2);

  // Members count for the size of a view after this long in it without suspicion. Longer: the
  // bigger side of a cut wins for certain after a slow heal; newcomers weigh nothing for longer.
  Duration view_settle = seconds(5);
  // The whole view goes along with this many beats after it changed, and with every beat whose
  // number whole_view_every divides. More often: relays vouch sooner for others; bytes rise with
  // the square of the members.
  std::uint32_t whole_view_repeats = 3;
  std::uint32_t whole_view_every = 20;

  // How long one successor has for its election, and how many are tried before a leader that
  // leaves just steps down. Together they must stay below the second a stop may take.
  Duration hand_over_timeout = milliseconds(300);
  std::uint32_t hand_over_tries = 2;

  // A leader without the cloud for this long hands over to a member that reaches it. Shorter:
  // uploads resume sooner; a router's restart moves the leader.
  Duration cloud_patience = seconds(30);
  // At most one such hand-over in this time. Longer: no wandering when lines come and go.
  Duration cloud_hand_over_interval = seconds(300);

  // Votes waiting for the disk; the oldest is dropped (its candidate asks again).
  std::size_t withheld_max = 16;

  static Config wired() { return {}; }
  static Config wireless();

  // All complaints, each naming the field, its value and what to do; empty when usable.
  std::vector<std::string> validate() const;
};

}  // namespace titan::election
