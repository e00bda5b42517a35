// A model of titan-cloud for one store: what the real one enforces, in few lines.
//
// Gateways (stateless but for their connections) take batches, check the entries and append them to
// a log like Kafka's; a projector takes the log in order into the database. The database holds the
// entries, the lease row, moved by compare-and-set to a higher token only, and the feed's position.
// An acknowledgement comes once the log has the batch; the projector's commit moves the watermark,
// which is signed with a real key. Messages are the real wire bytes of uplink/wire.
//
// A gateway can stall (between any two of its steps), restart, refuse or be slow; log and database
// survive it all. It keeps one contract with the real one: tests/simulations/contract.
// Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "crdt/rooted_vector.h"
#include "crdt/stock.h"
#include "crdt/version_vector.h"
#include "mesh/entry/codec.h"
#include "mesh/journal/journal_writer.h"
#include "mesh/wire/fold.h"
#include "simulations/model/gate.h"
#include "simulations/model/surroundings.h"
#include "simulations/model/tcp.h"
#include "uplink/messages.h"

namespace titan::simulations {

// On the line between store and cloud: one message of the uplink, or a close with its reason.
inline constexpr char uplink_message_mark = 'M';
inline constexpr char uplink_close_mark = 'C';

struct CloudBugs {
  bool two_uplinks = false;               // the lease is granted without comparing tokens
  bool acknowledge_before_kafka = false;  // acknowledged is what the log then loses
  bool unbounded_terms = false;           // the lease row takes any higher term
  bool renews_lost_lease = false;         // whoever asks for a renewal gets it
  bool folds_badly = false;               // a fold tells of units that nothing moved
};

class Cloud {
 public:
  Cloud(Surroundings& surroundings, const mesh::Codec& codec, KeyPair key, CloudBugs bugs);
  ~Cloud();

  // A WebSocket of a terminal stands. Nothing: refused.
  std::shared_ptr<Tcp> accept(Tcp::Side dialled);
  bool refuses() const { return refuses_; }

  // -- what head office does
  void change_products(std::uint32_t count);
  // As every night; nothing where nothing but folds came since the last one.
  void fold();

  // -- faults
  void set_refuses(bool refuses);
  void set_slow(Duration delay) { slow_ = delay; }
  void restart();
  void lose_next_answer() { lose_next_answer_ = true; }
  // As POST …/stores/{store}/lease/reset does.
  void reset_lease();
  void stall_gateway(Duration length);

  // -- what a run asks at its end
  const crdt::VersionVector& vector() const { return database_.held.vector(); }
  const crdt::Stock& stock() const { return database_.stock; }
  std::size_t log_waiting() const { return log_.size(); }

 private:
  struct Lease {
    election::Token token;
    std::string terminal;
    MonoTime renewed;
    bool released = false;  // the holder said goodbye, or was cut off: it counts as gone at once
  };
  using EntryKey = std::pair<mesh::EntryId, Hash>;
  // The newest fold.
  struct Folded {
    std::uint64_t number = 0;
    Hash content_hash;
    mesh::FoldState state;
  };
  struct Database {
    Lease lease;
    std::map<EntryKey, Bytes> entries;
    std::map<DeviceId, PublicKey> keys;
    // Both are of `entries`, always.
    crdt::RootedVector held;
    crdt::Stock stock;
    // Of the watermark. Every change raises the sequence, every reset of the lease the epoch.
    std::uint64_t epoch = 1;
    std::uint64_t sequence = 0;
    mesh::JournalTail feed;  // head office's journal; number 0: not opened yet
    mesh::OpeningHash feed_opening;
    WallTime feed_time;            // of its last entry
    std::uint64_t feed_clock = 0;  // not below that of any price that was projected
    std::set<Hash> claims;         // of `stock`, those that are no requests
    bool has_news = false;         // something else than a fold came since the last one
    Folded folded;
  };
  // What the log holds of one batch.
  struct Record {
    std::vector<std::shared_ptr<const mesh::Entry>> entries;
    std::vector<PublicKey> keys;
  };
  // For the handshake; for the transaction that takes the lease; until the end.
  enum class Phase { waiting, opening, up, over };
  // A connection of the store.
  struct Session {
    std::uint64_t number = 0;
    std::size_t gateway = 0;
    std::shared_ptr<Tcp> tcp;
    Phase phase = Phase::waiting;
    uplink::Nonce nonce;  // the challenge that the handshake must answer
    election::Token token;
    std::string terminal;
    PublicKey device_key;
    std::map<JournalId, std::uint64_t> feeds;  // up to where the store has each without a gap
    std::uint32_t batches_under_way = 0;       // one above window_batches ends the connection
    bool renewing = false;                     // a second renewal meanwhile is not heard
    std::uint64_t feed_sent = 0;               // the last number of the feed
    bool feed_reading = false;
    std::uint64_t watermark_sent = 0;  // the sequence of the last that was told
    crdt::RootedVector told;           // of the same: where the next update begins
    bool watermark_waiting = false;    // for the gateway's watermark_next
    MonoTime last_sent;                // a slow cloud's messages do not overtake each other
  };
  using SessionPointer = std::shared_ptr<Session>;
  struct Gateway {
    std::shared_ptr<Gate> gate;          // a new one after each restart
    std::map<DeviceId, PublicKey> keys;  // those of the database at the last handshake, and learnt
    std::set<DeviceId> answering;        // devices that have answered a challenge
    SessionPointer session;              // the store's, while it is up; no second one
    MonoTime watermark_next;             // the earliest time for the next
  };

  void on_frame(const SessionPointer& session, const Bytes& frame);
  void release_if_silent(const SessionPointer& session);
  void on_message(const SessionPointer& session, BytesView bytes);
  void on_handshake(const SessionPointer& session, const uplink::Handshake& handshake);
  bool answers_challenge(const SessionPointer& session, const uplink::Handshake& handshake);
  void on_opened(const SessionPointer& session, const std::optional<Lease>& refused_by);
  void tell_lease_moved(const SessionPointer& by);
  void on_batch(const SessionPointer& session, const uplink::Batch& batch);
  void append(const SessionPointer& session, Record record, uplink::BatchAck ack, std::size_t size);
  void on_appended(const SessionPointer& session, const Record& record, uplink::BatchAck ack,
                   std::size_t size);
  void on_renewal(const SessionPointer& session, const uplink::LeaseRenewal& renewal);
  void close(const SessionPointer& session, uplink::ClosingCode code, const std::string& reason,
             const election::Token& holder);
  void refuse(const SessionPointer& session, uplink::RefusalCode code, const std::string& reason,
              const election::Token& holder = {}, bool gone = false);
  void violate(const SessionPointer& session);
  void end(const SessionPointer& session, Duration within);
  void send(const SessionPointer& session, const uplink::ToStore& message);

  bool is_gone(const Lease& lease) const;
  // cloud_database.cpp
  void project_next();
  void project(const Record& record);
  void moved();
  void open_feed();
  void write_feed(mesh::Kind kind, Bytes body);
  mesh::Watermark watermark() const;
  void note_told(Session& session) const;
  void push_watermark(const SessionPointer& session);
  void on_watermark_request(const SessionPointer& session, const mesh::WatermarkRequest& request);
  void push_feed(const SessionPointer& session);
  void on_wanted(const SessionPointer& session, const uplink::EntriesWanted& wanted);

  Duration database_time();
  std::shared_ptr<Gate>& gate(const SessionPointer& session) {
    return gateways_[session->gateway].gate;
  }

  Surroundings& surroundings_;
  const mesh::Codec& codec_;
  const KeyPair key_;
  const CloudBugs bugs_;
  Random random_;
  std::vector<Gateway> gateways_;
  std::vector<SessionPointer> sessions_;  // those that are over go with the next connection
  std::size_t next_gateway_ = 0;          // in turn, as a load balancer does
  std::uint64_t next_session_ = 1;
  std::uint64_t records_ = 0;       // appended; counted for the planted bug alone
  std::uint32_t next_product_ = 0;  // that head office changes, in turn
  std::deque<Record> log_;          // appended and not projected yet
  bool projecting_ = false;         // one record at a time, in the order of the log
  Database database_;

  // Faults.
  bool refuses_ = false;
  Duration slow_{};
  bool lose_next_answer_ = false;
};

}  // namespace titan::simulations
