// One store's uplink, on the cloud's side: handshake, lease, batches, what the cloud holds, feed.
//
// Lives on the loop. The channel (a WebSocket) owns the session and outlives every call it makes;
// the session holds the channel weakly, since answers from the database come later than a cut.
//
// Nothing is acknowledged before the entry log says it is durable. A store may have no more batches
// under way than its window, and one request of each kind; one that does not keep to that is cut
// off, so it cannot starve others.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/gateway/batch_check.h"
#include "cloud/gateway/gateway.h"
#include "crdt/rooted_vector.h"
#include "uplink/messages.h"

namespace titan::cloud {

class UplinkChannel {
 public:
  virtual ~UplinkChannel() = default;
  virtual void send(Bytes message) = 0;
  // Writes what is queued, then closes.
  virtual void close(const std::string& reason) = 0;
  virtual std::size_t queued_bytes() const = 0;
  virtual std::string peer() const = 0;
};

class UplinkSession : public std::enable_shared_from_this<UplinkSession> {
 public:
  UplinkSession(Gateway& gateway, std::weak_ptr<UplinkChannel> channel);

  // The channel can be written to: the store is challenged.
  void on_open();
  void on_message(const Bytes& message);
  // The channel's queue has room again.
  void on_drained();
  void on_closed(const std::string& reason);
  void on_store_moved();
  // Another gateway moved the store, or may have: its lease, watermark or feed.
  void on_news();
  void close(uplink::ClosingCode code, const std::string& reason, const election::Token& holder);

  bool accepted() const { return phase_ == Phase::up; }
  const election::Token& token() const { return token_; }
  const std::string& terminal() const { return terminal_; }

 private:
  // Only ever onwards. waiting: for the handshake. opening: the database is asked for the lease.
  // up: accepted. over: refused, closed or cut; nothing is done or sent any more.
  enum class Phase { waiting, opening, up, over };

  void on_unreadable(const Error& error);
  void on_handshake(const uplink::Handshake& handshake);
  bool answers_challenge(const uplink::Handshake& handshake);
  void on_opened(Result<OpenedStore> opened);
  void refuse_lease(const uplink::LeaseHolder& holder);
  void accept(OpenedStore opened);
  uplink::HandshakeAccepted acceptance(const StorePosition& position) const;
  void retry_quarantine_once();
  void refuse(uplink::RefusalCode code, const std::string& reason,
              const election::Token& holder = {}, bool holder_gone = false,
              std::uint32_t retry_after_ms = 0);
  void on_batch(uplink::Batch batch);
  // `places`: of each entry that was given to the log; `size`: of the whole batch.
  void on_appended(std::vector<BatchPlaces> places, uplink::BatchAck ack, std::size_t size,
                   const Result<AppendOutcome>& outcome);
  void on_renewal(const uplink::LeaseRenewal& renewal);
  void take_lease_answer(const LeaseAnswer& answer);
  void on_watermark_request(mesh::WatermarkRequest request);
  void on_wanted(const uplink::EntriesWanted& wanted);
  void on_feed_progress(const uplink::FeedProgress& progress);
  std::size_t send(const uplink::ToStore& message);  // so many bytes
  void violate(const std::string& what);
  void end();
  mesh::Watermark watermark_of(const StorePosition& position) const;
  void note_told(const StorePosition& position);
  void push_watermark();
  void send_slice();
  void push_feed();
  StoreState& state() { return gateway_.state_of(key_); }

  // For the session's life.
  Gateway& gateway_;
  const std::weak_ptr<UplinkChannel> channel_;  // null once the connection is gone
  const uplink::Nonce nonce_;                   // random, of this connection alone
  Phase phase_ = Phase::waiting;

  // Of the handshake; empty while waiting for it. Set before it is checked, for the log's sake.
  StoreKey key_;
  election::Token token_;
  std::string terminal_;
  PublicKey device_key_;
  Hash tenant_store_;  // of key_, once that is found good: each entry's journal must carry it
  // 1..n stored by the leader, for the cloud's journals whose start it holds, at most
  // uplink::feeds_max; empty again once accepted.
  std::map<JournalId, std::uint64_t> feeds_;

  // Batches. 0 <= batches_under_way_ <= uplink_window_batches: the one beyond ends the session.
  std::uint32_t batches_under_way_ = 0;

  // Lease. At most one renewal, and one look, is with the database at a time.
  bool renewing_ = false;
  bool looking_ = false;                   // at the store's row, because of news
  bool look_again_ = false;                // there was more since; only while looking_
  boost::asio::steady_timer grace_timer_;  // after a cut; holds the session alive until it ends

  // Watermark. The first three are of the position that was told last, by the acceptance, a push or
  // a last slice: the next update begins there. Within its epoch of one database watermark_sent_ <=
  // the newest position's sequence, and only goes up; `told_` shares with that position what did
  // not change since.
  std::uint64_t watermark_sent_ = 0;
  Bytes epoch_sent_;  // the epoch's random bytes
  crdt::RootedVector told_;
  bool watermark_waiting_ = false;  // the timer is set; it goes out with what is newest then
  boost::asio::steady_timer watermark_timer_;
  // Not answered yet, since too much is queued; at most crdt::bucket_count digests, 64 kB. A second
  // one meanwhile ends the session.
  std::optional<mesh::WatermarkRequest> slice_wanted_;
  // Since slices_since_, at most slices_max in slices_window: one beyond ends the session.
  std::uint32_t slices_ = 0;
  MonoTime slices_since_{};

  // Feed. 1..feed_sent_ are stored by the store or were sent on this connection; only goes up.
  // Beyond the position's feed_number only if the store holds more than this database.
  std::uint64_t feed_sent_ = 0;
  bool feed_reading_ = false;  // at most one read at a time

  // Entries the store lost. A request while one is being answered ends the session.
  bool fetching_ = false;
};

}  // namespace titan::cloud
