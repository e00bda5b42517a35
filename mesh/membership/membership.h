// Who is there: SWIM with suspicion and incarnation numbers, and Lifeguard's local health, shared
// suspicion and buddy news. (Papers: mesh/membership/suspicion.h; expected times:
// mesh/membership/membership_config.h.)
//
// Sans-IO and single-threaded. The host feeds inputs, each with `Now`, takes the effects after
// each and carries them out in order; it calls on_tick() no later than next_deadline().
//
// What counts as what
//  - Members are processes. A device has one current process: a newer one (by start time, then id)
//    replaces the older, which is dead at once. Old news about old processes therefore never hurts
//    a new one, whatever incarnation numbers are around after a mass restart.
//  - Two processes of one device that have both answered at the same time (a cloned disk) are two
//    members from then on, for as long as both are there: neither is the other's successor.
//  - Alive is proven in both directions only: by an ack to a ping of ours, directly or through a
//    helper, or by a link (its hello is a round trip). Pings that arrive prove nothing: a member
//    that sends but does not hear becomes suspect.
//  - Nobody is suspected on hearsay. An accusation makes its hearer probe at once; only who found
//    the member silent as well suspects it and says so. So every suspicion on the wire is its
//    sender's own testimony, distinct senders are Lifeguard's independent confirmations, and one
//    sick member cannot talk others dead. Accusations by members we suspect are not listened to.
//  - A report of death is believed of a member that we suspect ourselves, or that we only remember;
//    of one that seems alive it starts a probe, whose failure then is death at once.
//  - A member leaves by its own word only. Told by others it is a report like that of a death, and
//    the member, once found silent, has left. Until it said so itself it is looked for like a dead.
//  - A ping to an accused member tells it so (Lifeguard's buddy system); it refutes with a higher
//    incarnation. Only a process itself ever raises its incarnation.
//  - A process that hears nobody announces no new facts of its own, since a raised incarnation
//    would refute a suspicion that it never heard of.
//
// Invariants (check_invariants() asserts them)
//  - Self is never among the members; each member has at most one probe under way; exactly the
//    suspects have a time of verdict; rings and queues hold known processes only.
//
// At most MembershipConfig::members_max processes are known, see there for each limit.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "base/time.h"
#include "election/types.h"
#include "mesh/journal/stored_state.h"
#include "mesh/membership/gossip_queue.h"
#include "mesh/membership/membership_config.h"
#include "mesh/membership/suspicion.h"
#include "mesh/messages.h"

namespace titan::mesh {

// ---- effects -----------------------------------------------------------------------------------

struct SendMessage {
  ProcessId to;
  Message message;  // Ping, Ack, PingRequest or Leave
};
// A member is new, its state changed, or (`before` equal to the state) its facts did.
struct MemberStateChanged {
  MemberUpdate update;
  std::optional<MemberState> before;  // nothing: not known before
  // Suspect after its connection was closed or refused, and nobody else reaches it either: it is
  // probably gone. An election need not wait for the lease to run out.
  bool connection_lost = false;
};
// Two processes with one device key have both answered at the same time. Told once per pair. The
// two are also the same process if a running machine was copied.
struct DeviceTwice {
  MemberInfo first;
  MemberInfo second;
};
// There is no link to this member: dial it. Repeated for ever with back-off while it lacks one.
struct LinkWanted {
  ProcessId process;
  std::vector<std::string> addresses;  // the one that last worked first, where it is known
};
struct LeaderNewsHeard {
  ProcessId from;
  election::LeaderNews news;
};
using MembershipEffect =
    std::variant<SendMessage, MemberStateChanged, DeviceTwice, LinkWanted, LeaderNewsHeard>;

// Why a link is gone, or why a dial came to nothing.
enum class LinkEnd : std::uint8_t {
  closed,     // the connection ended, whoever ended it: reason enough for a probe at once
  refused,    // nothing listens at its address: host up, process gone
  timed_out,  // silence, known as such
};

// What the rest of the node may know of a member.
struct KnownMember {
  MemberInfo member;
  MemberState state = MemberState::alive;
  std::uint64_t incarnation = 0;
  bool remembered = false;  // a suspect from an earlier life that was not heard of since our start
  bool linked = false;
  bool connection_lost = false;  // its last link was closed, or a dial refused
  bool said_goodbye = false;     // state left: by its own word, not by others'
  // Its device's process, or one of several that run at the same time: it has a vote. Of our own
  // device only those that run beside us are.
  bool is_current = false;
  std::optional<Duration> round_trip;         // of the last direct probe
  std::optional<std::int64_t> clock_skew_ms;  // its clock minus ours
  MonoTime state_since;
};

// What the wall clocks of the others show: the one in the middle, and how many agree with it.
struct OthersClock {
  std::int64_t offset_ms = 0;  // minus our monotonic clock
  std::size_t agreeing = 0;    // to the hour

  WallTime at(MonoTime mono) const {
    return {offset_ms + std::chrono::duration_cast<milliseconds>(mono.since_start).count()};
  }
};

class Membership {
 public:
  // The news of a leader to put on a probe or ack to this member.
  using NewsSource = std::function<election::LeaderNews(Now, const ProcessId& to)>;

  Membership(MembershipConfig config, MemberInfo self, Random random, Now now);

  void set_news_source(NewsSource source) { news_source_ = std::move(source); }
  // Before the first other input: members met in earlier lives, suspects until heard of.
  void remember(Now now, const std::vector<RememberedMember>& members);

  // -- inputs from the network; `from` is authenticated by its link
  void on_ping(Now now, const ProcessId& from, const Ping& ping);
  void on_ack(Now now, const ProcessId& from, const Ack& ack);
  void on_ping_request(Now now, const ProcessId& from, const PingRequest& request);
  void on_leave(Now now, const ProcessId& from, const Leave& leave);
  void on_link_up(Now now, const MemberInfo& peer);
  // Also for a dial that came to nothing while there was no link.
  void on_link_down(Now now, const ProcessId& peer, LinkEnd reason = LinkEnd::closed);

  // -- inputs from the host
  void on_tick(Now now);
  // The own loop did not run for so long: nobody is judged for that time. Found out without this
  // call too, from a tick that comes later than next_deadline().
  void on_stalled(Now now, Duration length);
  // Our own facts changed; process and device stay.
  void set_self(Now now, const MemberInfo& self);
  // Says goodbye to all; afterwards only pings are answered.
  void leave(Now now);

  // The time by which on_tick() is wanted.
  MonoTime next_deadline() const;
  std::vector<MembershipEffect> take_effects() { return std::exchange(effects_, {}); }

  // -- queries
  const MemberInfo& self() const { return self_; }
  std::uint64_t incarnation() const { return incarnation_; }
  std::uint32_t local_health() const { return local_health_; }  // 0: well
  // Without self and without replaced processes, in the order of process ids.
  std::vector<KnownMember> members() const;
  // Of the living whose clocks were measured.
  std::optional<OthersClock> others_clock() const;
  std::optional<KnownMember> find(const ProcessId& process) const;
  // The current process of a device: one alive before one suspect, before one dead; the newest.
  std::optional<ProcessId> process_of(const DeviceId& device) const;
  // Alive or suspect, without those only remembered, and with self.
  std::size_t view_size() const;
  std::size_t alive_count() const;  // state alive, and self
  bool has_left() const { return left_; }
  void check_invariants() const;

 private:
  // What is said of a member, by us too, and must be told it so that it refutes.
  struct Claim {
    MemberState state;
    std::uint64_t incarnation;
  };
  struct Member {
    // what it is
    MemberInfo info;  // info.process is its key in members_
    DeviceId device;
    MemberState state = MemberState::alive;
    std::uint64_t incarnation = 0;  // 0: known from its hello or from disk only; never falls
    bool remembered = false;        // only a suspect
    bool replaced = false;          // by a newer process of its device; never while present
    bool is_beside =
        false;             // another process of its device, or ours, answers as well; only present
    MonoTime known_since;  // <= state_since
    MonoTime state_since;

    // how it is reached
    bool linked = false;
    std::optional<LinkEnd> link_end;    // of its last link or dial; none while linked
    std::optional<MonoTime> proven_at;  // it certainly was alive then; never falls
    std::string last_good_address;      // of an earlier life; empty: not known

    // what is held against it, at this incarnation
    std::set<ProcessId> accusers;  // found it silent themselves; at most `confirmations`
    bool reported_dead = false;    // by one we believe, while it seems alive
    bool reported_left = false;    // the same: found silent, it has left
    bool said_goodbye = false;     // itself, and is gone; without that one that has left may live
    MonoTime accused_at;           // the last time, by whomever
    MonoTime suspected_at;         // while suspect: <= verdict_at
    MonoTime verdict_at = MonoTime::never();  // never: it is no suspect
    // Rides on all that we send it until it raises its incarnation above: <= incarnation.
    std::optional<Claim> claim;

    // when it is looked for
    bool wants_probe = false;               // once another has ended, or there is room for more
    ProcessId helper;                       // whose indirect probe last reached it
    MonoTime retry_at = MonoTime::never();  // next probe of a suspect, next try of one gone
    Duration retry_pause{};                 // 0, or from redial_min to redial_max
    RoundTrip round_trip;
    std::optional<std::int64_t> clock_skew_ms;
    // Its wall clock minus our monotonic one: what becomes of our own wall clock changes nothing.
    std::optional<std::int64_t> clock_offset_ms;
  };
  // One of ours: direct first, through helpers when no answer has come by direct_deadline.
  struct Probe {
    std::uint64_t sequence = 0;
    bool indirect_sent = false;
    MonoTime direct_deadline;
    MonoTime deadline;               // once indirect_sent: without an answer by then it has failed
    std::vector<ProcessId> helpers;  // at most indirect_probes
    std::uint32_t receipts = 0;      // of helpers for the request; 0: it may be us who cannot hear
  };
  // Outlives its probe: an ack, however late, is a sign of life.
  struct SentPing {
    ProcessId target;
    MonoTime at;
  };
  // Of another's indirect probe: what its target answers us goes to the requester.
  struct RelayedPing {
    ProcessId requester;
    std::uint64_t sequence = 0;  // the requester's
    ProcessId target;
    MonoTime at;
  };

  // membership.cpp: the life of members
  void begin(Now now);
  void end();
  Member* member_of(const ProcessId& process);
  const Member* member_of(const ProcessId& process) const;
  Member* insert_member(Now now, const MemberInfo& info, MemberState state,
                        std::uint64_t incarnation);
  bool make_room();
  void drop_replaced(Now now);
  void erase_member(const ProcessId& process);
  void set_state(Now now, Member& member, MemberState state);
  void set_facts(Member& member, const MemberInfo& info, std::uint64_t incarnation);
  void clear_suspicion(Member& member);
  void set_retry(Now now, Member& member);
  void update_rings(Member& member);
  void say_alive(Now now, Member& member, MonoTime proven_at);
  void want_link(const Member& member);
  KnownMember known(const Member& member) const;
  MemberUpdate update_of(const Member& member) const;

  // membership_devices.cpp: which process stands for a device
  static bool is_newer(const MemberInfo& a, const MemberInfo& b);
  Member* current_of_device(const DeviceId& device, const ProcessId& except);
  bool is_current(const Member& member) const;
  void meet_rival(Now now, Member& newcomer, Member& current);
  void replace(Now now, Member& older);
  void check_device_twice(Member& member);
  void set_beside(Member& member);
  void raise_device_twice(const MemberInfo& first, const MemberInfo& second);

  // membership_self.cpp: our own facts and stalls
  void tick_self(Now now);
  void announce_self(Now now);
  bool hears_nobody(Now now) const;
  void restart_failure_timers(Now now);
  void put_off_failure_timers(Duration lateness);

  // membership_probe.cpp: probing, suspicion, verdicts
  void probe_soon(Now now, Member& member);
  void start_probe(Now now, Member& member);
  void send_ping(Now now, const Member& member, std::uint64_t sequence,
                 const ProcessId& on_behalf_of);
  void go_indirect(Now now, Member& member, Probe& probe);
  std::vector<ProcessId> choose_helpers(const Member& target);
  void on_direct_ack(Now now, Member& member, MonoTime pinged_at, WallTime sent);
  void probe_failed(Now now, Member& member, const Probe& probe);
  void probe_answered(Now now, Member& member, MonoTime pinged_at);
  void suspect(Now now, Member& member);
  void set_verdict_time(Now now, Member& member);
  void confirm_dead(Now now, Member& member);
  void forget_old_pings(Now now);
  void tick_probes(Now now);
  void tick_members(Now now);
  void tick_round(Now now);

  // membership_reports.cpp: what others say
  void on_updates(Now now, const ProcessId& from, const std::vector<MemberUpdate>& updates);
  void on_update(Now now, const ProcessId& from, const MemberUpdate& update);
  void on_update_of_self(Now now, const MemberUpdate& update);
  void on_update_of_stranger(Now now, const ProcessId& from, const MemberUpdate& update);
  void on_alive(Now now, Member& member, const MemberUpdate& update);
  void on_accusation(Now now, const ProcessId& from, Member& member, const MemberUpdate& update);
  void on_death_report(Now now, const ProcessId& from, Member& member, const MemberUpdate& update);
  void on_left_report(Now now, const ProcessId& from, Member& member, const MemberUpdate& update);
  void on_left(Now now, Member& member, std::uint64_t incarnation);
  void on_news(const ProcessId& from, const election::LeaderNews& news);
  bool believes(const ProcessId& from) const;

  // membership_dissemination.cpp: what we tell
  void spread(const MemberUpdate& update);
  std::vector<MemberUpdate> updates_for(const ProcessId& receiver);
  election::LeaderNews news_for(Now now, const ProcessId& receiver) const;
  void send_ack(Now now, const ProcessId& to, std::uint64_t sequence, const ProcessId& about);
  void send_updates(Now now, const ProcessId& to, std::vector<MemberUpdate> updates);
  void send_table(Now now, const ProcessId& to);
  void tick_gossip(Now now);

  // fixed at the start
  const MembershipConfig config_;
  NewsSource news_source_;

  // our own standing
  MemberInfo self_;
  MemberInfo announced_;                      // our facts as told under incarnation_
  std::uint64_t incarnation_ = 1;             // ascends; nobody else raises it
  MonoTime outbid_until_;                     // who outbids us before that answers our own bid
  std::uint32_t local_health_ = 0;            // 0: well; <= local_health_max
  bool left_ = false;                         // for good
  MonoTime announce_at_ = MonoTime::never();  // never: our facts are those announced
  MonoTime announced_at_;
  std::optional<MonoTime> last_answer_at_;  // any answer to a probe of ours
  Random random_;

  // the members
  std::map<ProcessId, Member> members_;
  Ring probe_ring_;   // alive and suspect, without those only remembered
  Ring gossip_ring_;  // of these the linked ones
  std::set<std::pair<ProcessId, ProcessId>> twice_told_;  // the lesser first

  // under way
  // Above all in sent_ and relayed_, which share none. 0: an Ack that answers nothing and only
  // carries updates.
  std::uint64_t next_sequence_ = 1;
  std::map<ProcessId, Probe> probes_;             // of known members
  std::map<std::uint64_t, SentPing> sent_;        // by sequence, so the oldest first
  std::map<std::uint64_t, RelayedPing> relayed_;  // by our own sequence
  std::map<ProcessId, std::uint64_t> owed_acks_;  // the last ping of each that has no link from us
  GossipQueue gossip_;

  // when what is due
  MonoTime next_round_at_;
  MonoTime next_gossip_at_;
  MonoTime next_table_at_;
  MonoTime last_input_at_;
  MonoTime promised_tick_at_;  // an input that comes later tells how long we stood still

  std::vector<MembershipEffect> effects_;
};

}  // namespace titan::mesh
