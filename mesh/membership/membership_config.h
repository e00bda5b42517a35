// All timings and limits of membership, and the two profiles.
//
// What to expect of wired() with n members (t = 0 is the failure; D = network delay, well below
// 1 ms; every other member probes one member per 200 ms, in random phase):
//  - A process that is killed: its connections close at once, so each member starts a probe at
//    t = D without waiting for its round; there is nothing to ping directly, the helpers cannot
//    reach it either: suspect at 100 ms (an election may go on from there). If reconnecting is
//    refused: dead at 100 + 250 = 350 ms, at every member on its own evidence. If the host only
//    sees 'closed', that is no proof (a transport also closes a link that a stalled process leaves
//    unacknowledged), but all suspect it together and so confirm each other: dead at 100 ms +
//    suspicion_min = 1.2 s (n = 2, 3), 1.3 s (n = 10), 1.35 s (n = 30).
//  - A silent cut (cable, power): first probed by someone after ~150 ms (the chance that nobody's
//    round falls on it within 200 ms is about (1 - 1/(n-1))^(n-1), 0.35), its ack is missed after
//    60 to 100 ms, the helpers' after 100 ms more: first suspect at 0.3 to 0.4 s, by all others
//    200 ms later (an accusation makes its hearers probe at once), so that all three confirmations
//    are there and the first timer runs suspicion_min: 1.2 s at n = 10. Dead at 1.5 to 1.7 s, at
//    all others one or two gossip rounds of 50 ms later. A pair: 0.3 + 1.1 s.
//  - A stall of 1 s: earliest suspected 160 ms after its start, earliest dead 160 + 1,200 ms, and
//    a stalled process closes no connection; it has 360 ms after its stall to answer or refute.
//  - A healed cut: alive at both ends as soon as the link is up; the refutation of what was said
//    meanwhile reaches members without a link of their own in a few gossip rounds (<= 0.3 s).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace titan::mesh {

// Of another process's incarnation as others tell it: a longer jump is rubbish and is not followed.
inline constexpr std::uint64_t incarnation_jump_max = std::uint64_t{1} << 20;

struct MembershipConfig {
  // -- probing
  // Each member probes one other per interval. Longer: less idle traffic, later detection.
  Duration probe_interval = milliseconds(200);
  // How long a direct ack may take, before the first round trip is known and its bounds after.
  // Shorter: earlier indirect probes, more of them for nothing.
  Duration ack_timeout_initial = milliseconds(100);
  Duration ack_timeout_min = milliseconds(60);
  Duration ack_timeout_max = milliseconds(100);
  // How long the helpers of an indirect probe may take in all.
  Duration indirect_timeout = milliseconds(100);
  // Helpers per indirect probe (SWIM's k). More: fewer false suspicions, more messages each.
  std::uint32_t indirect_probes = 3;
  // A member that we only know from others gets this long to be linked before we probe it.
  Duration link_grace = seconds(1);

  // -- suspicion
  // The stall that a suspect must survive; the spreading of accusation and refutation is added
  // (suspicion_min()). Shorter: quicker death after a silent cut, more false alarms under load.
  Duration suspicion_base = seconds(1);
  // A suspicion that nobody else confirms lasts this many times the least.
  std::uint32_t suspicion_max_factor = 2;
  // How many other members' own failed probes shorten it to the least (Lifeguard's k).
  std::uint32_t confirmations = 3;
  // For a suspect that refused a new connection: its host is up and the process is gone. A stalled
  // process refuses none, so this may be short; it must outlast the start of its next process only
  // in so far as a short death should not be shown.
  Duration suspicion_refused = milliseconds(250);
  // How long a member remembered from an earlier life stays a suspect after our start. A refusal
  // does not shorten it: after a power cut its next process may be starting right now. Longer: a
  // till that starts alone waits longer before it serves itself; shorter: more short-lived leaders.
  Duration remembered_timeout = seconds(2);
  // Lifeguard's S: how far our own trouble to hear anybody stretches our time-outs.
  std::uint32_t local_health_max = 8;

  // -- gossip
  // While there is news it is pushed every interval to `gossip_fanout` members, besides riding on
  // probes. Shorter or more: quicker spreading, more messages while something happens.
  Duration gossip_interval = milliseconds(50);
  std::uint32_t gossip_fanout = 3;
  // Each update is sent gossip_factor x log2(members + 1) times (SWIM's lambda).
  std::uint32_t gossip_factor = 3;
  // Updates per message, about 130 bytes each; the rest waits for the next message.
  std::uint32_t updates_per_message_max = 16;
  // The whole table goes to one random member this often: repairs gossip that was lost.
  Duration table_interval = seconds(30);
  // Changes of our own facts other than addresses are announced at most this often.
  Duration self_update_interval = milliseconds(250);

  // -- our own stalls
  // The loop ran later than it asked for by more than this: failure timers are put off by as much.
  Duration tick_slack = milliseconds(50);
  // ... by more than this: all failure timers start anew, nobody is judged for that time.
  Duration own_stall_min = milliseconds(400);

  // -- those who are gone
  // Dead members are dialled and probed again for ever, the pause doubling between these bounds.
  Duration redial_min = milliseconds(500);
  Duration redial_max = seconds(5);
  // A process that a newer one of its device replaced is remembered this long.
  Duration replaced_keep = seconds(60);

  // -- limits
  // Known processes. Beyond it the one dead longest is forgotten; if none is dead a newcomer is
  // not taken in.
  std::uint32_t members_max = 512;
  // Our own probes under way; further hints wait for one to end.
  std::uint32_t probes_in_flight_max = 128;
  // Probes under way for others; further requests get no probe.
  std::uint32_t relayed_probes_max = 256;
  // Pings whose ack, however late, is still a sign of life; beyond it the oldest is forgotten.
  std::uint32_t late_acks_max = 1024;
  Duration late_ack_keep = seconds(5);

  static MembershipConfig wired();
  // A tablet that roams for 3 s must not be taken for dead. Expect a killed process to be reported
  // within 5 s, a silent cut within 8 s.
  static MembershipConfig wireless();

  // Every complaint, for the person who wrote the configuration; empty: valid.
  std::vector<std::string> validate() const;
};

}  // namespace titan::mesh
