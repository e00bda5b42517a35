// What a leader does for the cloud: one connection, uploads, the feed, the store's lease.
//
// Sans-IO and single-threaded: typed input in with `Now`, typed effects out, to be carried out in
// order. Every connection attempt has a number; what an older connection still says is ignored.
// Leadership and the cloud are independent: nothing here can hold up a sale, every wait has a
// limit.
//
// Invariants: a batch is sent only on an accepted connection; nothing is sent twice on one
// connection unless the cloud asked for it; the lease counts as held only until lease_ms after a
// renewal that the cloud answered was sent.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "election/election.h"
#include "election/types.h"
#include "mesh/watermark/watermark_follower.h"
#include "uplink/messages.h"
#include "uplink/upload_window.h"

namespace titan::uplink {

struct UplinkConfig {
  std::string tenant;
  std::string store;
  std::string terminal;
  std::string access_key;
  PublicKey device_key;
  PublicKey cloud_key;  // a cloud with another key is not ours
  WindowConfig window;

  // From connect to accepted or refused; a cloud slower than this is tried again.
  Duration accept_timeout = seconds(10);
  // For the cloud's challenge, which comes with the connection; one of protocol 1 sends none.
  Duration challenge_wait = seconds(2);
  // A batch unacknowledged for so long means the connection is dead or the cloud is stuck.
  Duration ack_timeout = seconds(20);
  // Back-off with full jitter: the next attempt comes after a random part of a span that doubles
  // from first to max. Small at first: a fail-over counts until the cloud has accepted the leader.
  Duration retry_first = milliseconds(50);
  Duration retry_max = seconds(5);
  Duration retry_floor = milliseconds(10);
  // Another process holds the store's lease: ask again after a random time between these.
  Duration refused_retry_min = milliseconds(250);
  Duration refused_retry_max = milliseconds(500);
  // A wrong key or an unknown tenant does not mend itself: ask rarely.
  Duration misconfigured_retry = seconds(30);
  // How often the leader tells how far it has stored the feed.
  Duration feed_progress_interval = milliseconds(200);
  // Entries the cloud holds and this disk lacks are fetched in answers of about so many bytes ...
  std::size_t fetch_bytes_max = 512 * 1024;
  // ... naming at most so many journals at once ...
  std::size_t fetch_journals_max = 64;
  // ... and asked for again when what came was not stored within this time.
  Duration fetch_stored_timeout = seconds(3);
  Duration fetch_answer_timeout = seconds(20);
  // A follower whose leader cannot reach the cloud tries whether it can itself.
  Duration probe_interval = seconds(10);

  // All complaints, each a sentence; empty: usable.
  std::vector<std::string> validate() const;
};

// ---- effects ----------------------------------------------------------------------------------

struct Connect {
  std::uint64_t connection = 0;
};
struct Disconnect {
  std::uint64_t connection = 0;
  std::string reason;
};
struct SendToCloud {
  std::uint64_t connection = 0;
  ToCloud message;
};
// Answered with on_read() or on_read_failed().
struct ReadEntries {
  std::uint64_t id = 0;
  JournalId journal;
  crdt::IntervalSet numbers;
  std::size_t bytes_max = 0;
};
// Feed entries, or entries this store has lost: for the node.
struct CloudEntries {
  std::vector<Bytes> entries;
  std::vector<PublicKey> device_keys;
};
struct CloudWatermark {
  mesh::HeldByCloud held;
};
// What the election weighs. Sent when it changes.
struct CloudStateChanged {
  election::CloudState state;
};
struct LeaseRefused {
  election::Token holder;
  bool holder_gone = false;
};
// Can the cloud be connected to at all? Answered with on_probed().
struct ProbeCloud {};
struct UplinkAlarm {
  std::string code;
  std::string message;
};
struct UplinkNote {
  std::string message;
};
using UplinkEffect =
    std::variant<Connect, Disconnect, SendToCloud, ReadEntries, CloudEntries, CloudWatermark,
                 CloudStateChanged, LeaseRefused, ProbeCloud, UplinkAlarm, UplinkNote>;

// One line for logs and transcripts.
std::string describe(const UplinkEffect& effect);

// ---- what the status page asks ----------------------------------------------------------------

enum class UplinkState { not_leader, connecting, up, refused, failed };
const char* to_string(UplinkState state);

struct UplinkStatus {
  UplinkState state = UplinkState::not_leader;
  std::string message;
  WallTime since;
  std::uint64_t pending_entries = 0;  // not yet held by the cloud
  std::uint64_t batches_in_flight = 0;
  std::uint64_t set_aside = 0;    // refused for good, or unreadable, on this connection
  std::uint64_t quarantined = 0;  // held by the cloud, not projected there; of this leadership
  std::uint64_t to_fetch = 0;     // held by the cloud, missing here
  std::uint64_t uploaded = 0;     // acknowledged in this leadership
};

class UploadSession {
 public:
  UploadSession(UplinkConfig config, const mesh::Codec& codec, Random random, Now now);

  // -- leadership
  // This process leads under `token`, its disk holds `stored`, and the cloud, as far as is known
  // here, `held`. Called again when the token changes: the connection is made anew under it.
  void lead(Now now, const election::Token& token, const crdt::VersionVector& stored,
            const crdt::RootedVector& held);
  void follow(Now now);
  // A follower is told whether its leader reaches the cloud; if not, this one tries whether it can.
  void on_leader_reaches_cloud(Now now, bool reaches);
  // Of the store's devices that this terminal knows. Sent along while the cloud cannot check
  // entries.
  using KeySource = std::function<std::vector<PublicKey>()>;
  void set_key_source(KeySource source) { key_source_ = std::move(source); }
  // Shown to the cloud with each renewal.
  void set_view_size(std::uint32_t members) { view_size_ = members; }

  // -- connection
  void on_connected(Now now, std::uint64_t connection);
  void on_message(Now now, std::uint64_t connection, const ToStore& message);
  // Also when the attempt to connect failed.
  void on_closed(Now now, std::uint64_t connection, const std::string& reason);
  void on_probed(Now now, bool reachable);

  // -- disk
  void on_stored(Now now, std::span<const std::shared_ptr<const mesh::Entry>> entries);
  // What the disk answered: entries asked for and not among these cannot be read.
  void on_read(Now now, std::uint64_t id, const std::vector<Bytes>& entries);
  // The disk could not be asked (too much else to read): it is asked again a moment later.
  void on_read_failed(Now now, std::uint64_t id);
  // The store was opened again and holds this. Where it lost entries, the connection is made anew:
  // the cloud says what it holds, and what is missing here comes back from it.
  void on_storage_reopened(Now now, const crdt::VersionVector& stored);

  void on_tick(Now now);
  MonoTime next_deadline() const;
  std::vector<UplinkEffect> take_effects();
  UplinkStatus status() const;
  void check_invariants() const;

 private:
  // challenged: the connection stands, the cloud's challenge is on its way.
  enum class Phase { idle, waiting, connecting, challenged, handshaking, up };

  void on_challenge(Now now, const Challenge& challenge);
  void on_accepted(Now now, const HandshakeAccepted& accepted);
  void on_refused(Now now, const HandshakeRefused& refused);
  void on_ack(Now now, const BatchAck& ack);
  void on_push(Now now, const ServerPush& push);
  void on_renewed(Now now, const LeaseRenewed& renewed);
  void on_lost_entries(Now now, const LostEntries& lost);
  void on_slice(Now now, const mesh::WatermarkSlice& slice);
  void on_closing(Now now, const Closing& closing);

  void connect(Now now);
  void drop_connection(Now now, const std::string& reason);
  void retry_after(Now now, Duration delay);
  void back_off(Now now, const std::string& reason);
  void set_state(Now now, UplinkState state, std::string message);
  void tell_cloud_state(bool reachable, bool holds_lease);
  void send(ToCloud message);
  static std::string seconds_text(Duration duration);
  void pump(Now now);
  void renew_lease(Now now);
  void report_feed(Now now);
  void fetch_lacking(Now now);
  void forget_lacking();
  void note_pushed(Now now, const std::vector<Bytes>& entries);
  void note_lacking(Now now, const crdt::VersionVector& before);
  // watermark.cpp: what the cloud holds
  void take_watermark(Now now, const mesh::WatermarkUpdate& update);
  void ask_for_slice(Now now, const mesh::WatermarkRequest& request);
  void on_watermark(Now now, mesh::WatermarkFollower::Outcome outcome,
                    const crdt::VersionVector& before);
  void shake_hands(Now now, const Nonce& nonce);
  bool is_refused_for_haste(const HandshakeRefused& refused) const;
  bool is_connecting() const;

  const UplinkConfig config_;
  const mesh::Codec& codec_;
  Random random_;
  UploadWindow window_;
  std::vector<UplinkEffect> effects_;

  // Life of the process.
  std::uint64_t connection_ = 0;     // of the latest attempt; rises with each
  std::uint64_t renewal_ = 0;        // sequence of the latest renewal; never starts over
  std::uint64_t fetch_request_ = 0;  // number of the latest request; never starts over
  // Between connections what the last one told, or the node knew, is the guess to begin at.
  mesh::WatermarkFollower watermark_;
  bool cloud_challenges_ = false;                // it has: it is not of protocol 1
  UplinkState state_ = UplinkState::not_leader;  // up if and only if phase_ is
  std::string state_message_;
  WallTime state_since_;
  std::uint32_t view_size_ = 1;                      // of the leader's view, this terminal included
  std::optional<std::pair<bool, bool>> told_state_;  // reachable, lease held; none: nothing yet
  KeySource key_source_;
  bool probe_wanted_ = false;                // only while idle
  bool probing_ = false;                     // one probe at a time; only its answer ends it
  MonoTime next_probe_ = MonoTime::never();  // never() unless wanted and none is under way

  // Life of a leadership.
  Phase phase_ = Phase::idle;  // idle if and only if no token is led under
  election::Token token_;
  std::uint32_t failed_attempts_ = 0;  // in a row, since a connection was of use
  std::uint64_t uploaded_ = 0;
  std::uint64_t quarantined_ = 0;

  // Life of a connection.
  std::optional<HandshakeAccepted> accepted_;  // if and only if up
  // The cloud has told what it holds: nothing is uploaded or fetched before.
  bool knows_held_ = false;
  MonoTime slice_deadline_ = MonoTime::never();  // never() unless a slice was asked for
  // While waiting: the next attempt; until up: give up. never() while idle or up.
  MonoTime phase_deadline_ = MonoTime::never();
  MonoTime challenge_until_ = MonoTime::never();  // never() unless challenged
  bool shook_hands_unasked_ = false;              // without a challenge
  bool offers_keys_ = false;                      // the cloud could not check an entry
  Duration lease_{};                              // as the cloud said when it accepted us
  // From the acceptance on, then from when the latest answered renewal was sent. never() unless up.
  MonoTime lease_until_ = MonoTime::never();
  MonoTime next_renewal_ = MonoTime::never();  // never() unless up
  // Not answered, by sequence. One a third of a lease, and gone with it: three at most.
  std::map<std::uint64_t, MonoTime> renewals_sent_;
  JournalId feed_journal_;           // pushed unasked; fetched only where the disk did not take it
  std::uint64_t feed_reported_ = 0;  // stored here from 1 to this, without a gap
  MonoTime next_feed_report_{};
  // What the cloud holds and this disk does not: disjoint from what the window has stored, and
  // empty unless up.
  CountedNumbers lacking_;
  bool fetching_ = false;  // the last part of an answer has not come
  // Entries of the answers to the present request, and pushed since.
  std::uint64_t fetched_ = 0;
  // What was lacking when it was sent, and what was found lacking since. Once lacking_ has shrunk
  // by fetched_, all that came is stored.
  std::uint64_t lacking_at_request_ = 0;
  // While fetching: the cloud is stuck then. Else: what came is asked for again unless stored.
  MonoTime fetch_deadline_ = MonoTime::never();
};

}  // namespace titan::uplink
