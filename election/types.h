// Words of the election: term, token, and what an election knows of a member.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace titan::election {

// The fencing token: the pair (term, process id), compared in that order. The default value is
// lower than every real token and means "none".
struct Token {
  std::uint64_t term = 0;
  ProcessId process;

  auto operator<=>(const Token&) const = default;
  bool is_none() const { return term == 0; }
};

// Terms beyond this are rubbish: no store counts that far, and accepting one would leave nothing
// above it.
inline constexpr std::uint64_t term_max = std::uint64_t{1} << 62;

// What one process promised on disk: it will grant no vote at or below `term` to anyone else.
struct Promise {
  std::uint64_t term = 0;
  ProcessId voted_for;

  auto operator<=>(const Promise&) const = default;
};

// What beats, probes and their answers carry of the leader, so that a leader heard through a relay
// is a leader heard: its token, how long ago its last beat was, and what decides between two
// leaders.
struct LeaderNews {
  Token token;
  // The leader numbers its beats through its whole life. The same number told twice is not a sign
  // of life, so a rumour that travels in circles cannot keep a dead leader alive.
  std::uint64_t beat = 0;
  Duration beat_age{};
  bool holds_cloud_lease = false;
  // Members (itself included) that have been in its view long enough, and are not suspect: a tablet
  // that just came back cannot boast of the tills it has only now seen, nor a leader whose ear was
  // dead of those it has not heard.
  std::uint32_t view_size = 0;
  // Which version of the leader's view this beat stands for.
  std::uint32_t view_number = 0;
  // Who the leader lists as alive; news founds a veto or renews a lease only for members it lists.
  // The whole list when `view_is_whole`; otherwise it holds the receiver, if the receiver is
  // listed, and nothing else: 30 ids in every probe would be most of the idle traffic.
  bool view_is_whole = false;
  std::vector<ProcessId> view;
};

// A member of the store as the election sees it. The process id is none for a remembered device
// whose present process is not known yet. A device that runs several times, from a cloned disk, has
// a voter for each of its processes.
struct Voter {
  ProcessId process;
  DeviceId device;
  bool alive = false;  // in the view (alive or suspect); false: only remembered
  bool suspect = false;
  bool left = false;           // said goodbye: its silence does not speak against our own hearing
  bool may_lead = true;        // configured eligibility
  std::uint32_t priority = 0;  // mains power, wired, disk: higher leads first
  bool holds_all_pending = true;  // has every entry above the watermark that we know of
  bool reaches_cloud = false;
};

}  // namespace titan::election
