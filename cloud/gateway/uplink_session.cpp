#include "cloud/gateway/uplink_session.h"

#include <spdlog/spdlog.h>

#include "base/overloaded.h"
#include "cloud/config/cloud_key.h"
#include "election/describe.h"
#include "election/term_bound.h"
#include "mesh/watermark/telling.h"
#include "uplink/wire/uplink_codec.h"

namespace titan::cloud {

namespace {

using uplink::ClosingCode;
using uplink::RefusalCode;

constexpr std::uint32_t busy_retry_ms = 500;
constexpr std::size_t store_name_bytes_max = 64;

bool is_name(const std::string& text) {
  if (text.empty() || text.size() > store_name_bytes_max) return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '/' || c == 0x7f) return false;
  }
  return true;
}

uplink::Nonce draw_nonce() {
  return *uplink::Nonce::from_bytes(random_seed().view().substr(0, uplink::Nonce::size));
}

}  // namespace

UplinkSession::UplinkSession(Gateway& gateway, std::weak_ptr<UplinkChannel> channel)
    : gateway_(gateway),
      channel_(std::move(channel)),
      nonce_(draw_nonce()),
      grace_timer_(gateway.loop),
      watermark_timer_(gateway.loop) {}

// The nonce is of this connection alone, so that a handshake recorded on another does not fit it.
// A store of protocol 1 waits for none; one of protocol 2 that gets none shakes hands without.
void UplinkSession::on_open() {
  send(uplink::Challenge{nonce_});
}

std::size_t UplinkSession::send(const uplink::ToStore& message) {
  const auto channel = channel_.lock();
  if (!channel) return 0;
  Bytes bytes = uplink::encode(message);
  const std::size_t size = bytes.size();
  channel->send(std::move(bytes));
  return size;
}

// What no program of ours sends. Nothing is told to the store but the reason of the close.
void UplinkSession::violate(const std::string& what) {
  const auto channel = channel_.lock();
  spdlog::warn("uplink of {} from {}: {}; closing it", key_.text(), channel ? channel->peer() : "?",
               what);
  end();
  if (channel) channel->close(what);
}

// The first message is the handshake, and only the first. Messages come in order or the connection
// ends, so none is lost in between: what was not answered is sent again on the next connection.
void UplinkSession::on_message(const Bytes& bytes) {
  if (phase_ == Phase::over) return;
  auto message = uplink::decode_to_cloud(bytes);
  if (!message) return on_unreadable(message.error());
  const bool is_handshake = std::holds_alternative<uplink::Handshake>(*message);
  if (is_handshake != (phase_ == Phase::waiting)) return violate("a message out of turn");
  std::visit(Overloaded{
                 [&](uplink::Handshake& m) { on_handshake(m); },
                 [&](uplink::Batch& m) { on_batch(std::move(m)); },
                 [&](uplink::LeaseRenewal& m) { on_renewal(m); },
                 [&](uplink::EntriesWanted& m) { on_wanted(m); },
                 [&](uplink::FeedProgress& m) { on_feed_progress(m); },
                 [&](mesh::WatermarkRequest& m) { on_watermark_request(std::move(m)); },
             },
             *message);
}

void UplinkSession::on_unreadable(const Error& error) {
  if (error.code == ErrorCode::unsupported) return;  // of a newer version
  if (phase_ != Phase::waiting) return violate(error.message);
  const bool forged = error.code == ErrorCode::refused;
  refuse(forged ? RefusalCode::signature : RefusalCode::malformed,
         "the handshake's " + error.message);
}

// ---- handshake --------------------------------------------------------------------------------

// Nothing is asked of the database for one that has not shown the tenant's key and answered the
// challenge. Where no handshake comes the connection is cut (server.h); where no answer to it comes
// the store connects anew.
void UplinkSession::on_handshake(const uplink::Handshake& handshake) {
  key_ = {handshake.tenant, handshake.store};
  token_ = handshake.token;
  terminal_ = handshake.terminal;
  device_key_ = handshake.device_key;
  if (handshake.protocol == 0 || handshake.protocol > uplink::uplink_protocol_version + 1) {
    return refuse(RefusalCode::protocol,
                  "the terminal speaks version " + std::to_string(handshake.protocol) +
                      " of the uplink, this cloud version " +
                      std::to_string(uplink::uplink_protocol_version) + "; update the older one");
  }
  const TenantConfig* tenant = gateway_.config.find_tenant(key_.tenant);
  if (!tenant || !same_secret(tenant->access_key, handshake.access_key)) {
    // One answer for both: whoever guesses names learns nothing.
    return refuse(RefusalCode::bad_key,
                  "tenant or access key is not known to this cloud; check "
                  "[store] tenant and [cloud] access_key");
  }
  if (!is_name(key_.store)) {
    return refuse(RefusalCode::unknown_store,
                  "the store's name cannot be used: 1 to 64 "
                  "characters, no '/', no control characters");
  }
  if (!answers_challenge(handshake)) {
    return refuse(RefusalCode::signature,
                  "the handshake does not answer this connection's challenge; if the terminal is "
                  "not up to date, update it");
  }
  if (gateway_.stopping) return refuse(RefusalCode::busy, "the cloud stops", {}, false, 1000);
  tenant_store_ = mesh::tenant_store_hash(key_.tenant, key_.store);
  phase_ = Phase::opening;
  for (const auto& item : handshake.feeds) {
    const auto& intervals = item.item.stored.intervals();
    const bool has_start = !intervals.empty() && intervals.front().first == 1;
    if (has_start) feeds_[item.journal] = intervals.front().last;
  }
  gateway_.leases.open(key_, token_, terminal_,
                       [self = shared_from_this()](Result<OpenedStore> opened) {
                         self->on_opened(std::move(opened));
                       });
}

// A handshake of protocol 1 answers none; from a device that has answered one it is a recorded one.
bool UplinkSession::answers_challenge(const uplink::Handshake& handshake) {
  auto& answering = state().answering_devices;
  const DeviceId device = device_of(handshake.device_key);
  if (handshake.protocol < uplink::challenge_since_version) return !answering.contains(device);
  if (handshake.nonce != nonce_) return false;
  answering.insert(device);
  return true;
}

// The lease is granted or refused by now, by LeaseService. Where the connection was cut meanwhile
// the answer is lost; a lease that was granted runs out unless the store comes back for it.
void UplinkSession::on_opened(Result<OpenedStore> opened) {
  if (phase_ != Phase::opening) return;
  if (!opened) {
    return refuse(RefusalCode::busy, "the cloud's database does not answer", {}, false,
                  busy_retry_ms);
  }
  if (opened->refused_by) return refuse_lease(*opened->refused_by);
  accept(std::move(*opened));
}

void UplinkSession::refuse_lease(const uplink::LeaseHolder& holder) {
  if (!holder.was_jump) {
    return refuse(
        RefusalCode::lower_token,
        (holder.terminal.empty() ? "another terminal" : holder.terminal) +
            (holder.gone ? " held the store's lease and is gone" : " holds the store's lease"),
        holder.token, holder.gone);
  }
  spdlog::warn(
      "store {}: {} of {} is more than {} above the lease's term {} and is refused; if "
      "the store's tills agree on it, reset the lease (POST .../lease/reset)",
      key_.text(), election::token_text(token_), terminal_, election::term_jump_max,
      holder.token.term);
  refuse(RefusalCode::lower_token,
         "its term " + std::to_string(token_.term) + " is more than " +
             std::to_string(election::term_jump_max) + " above the lease's term " +
             std::to_string(holder.token.term) +
             ", which no store reaches; head office can reset the store's lease",
         holder.token, holder.gone);
}

// At most one session of a store is up in this process. One that is up at another gateway ends
// there, by the news of this grant or at its next renewal.
void UplinkSession::accept(OpenedStore opened) {
  StoreState& store = state();
  if (const auto old = store.session.lock(); old && old.get() != this) {
    // A late answer for a lower token must not push out the session that fenced it already.
    if (old->accepted() && old->token_ > token_) {
      return refuse(RefusalCode::lower_token, old->terminal_ + " holds the store's lease",
                    old->token_);
    }
    gateway_.metrics.fenced.Increment();
    old->close(ClosingCode::fenced, "a newer connection of this store replaces it", token_);
  }
  phase_ = Phase::up;
  store.session = weak_from_this();
  for (const auto& key : opened.position.device_keys) {
    store.device_keys.emplace(device_of(key), key);
  }
  store.device_keys.emplace(device_of(device_key_), device_key_);
  const bool known = store.position && are_comparable(*store.position, opened.position) &&
                     store.position->sequence >= opened.position.sequence;
  if (!known) store.position = opened.position;
  const StorePosition& position = *store.position;
  note_told(position);
  const auto feed = feeds_.find(position.feed_journal);
  feed_sent_ = feed == feeds_.end() ? 0 : feed->second;
  store.feed_stored = feed_sent_;
  feeds_.clear();
  spdlog::info("store {}: {} is its uplink now, under {}; the cloud holds {} entries of it{}",
               key_.text(), terminal_, election::token_text(token_),
               position.held.vector().entry_count(), opened.created ? " (a new store)" : "");
  gateway_.metrics.handshakes_accepted.Increment();
  gateway_.metrics.uplinks.Increment();
  send(acceptance(position));
  retry_quarantine_once();
  push_feed();
}

uplink::HandshakeAccepted UplinkSession::acceptance(const StorePosition& position) const {
  uplink::HandshakeAccepted accepted;
  accepted.watermark = watermark_of(position);
  accepted.feed_journal = position.feed_journal;
  accepted.feed_number = position.feed_number;
  accepted.cloud_key = gateway_.cloud_key.public_key;
  accepted.batch_entries_max = uplink_batch_entries_max;
  accepted.batch_bytes_max = uplink_batch_bytes_max;
  accepted.window_batches = uplink_window_batches;
  accepted.lease_ms = uplink_lease_ms;
  return accepted;
}

// A program that was updated may be able to read what its predecessor put into the quarantine.
void UplinkSession::retry_quarantine_once() {
  if (std::exchange(state().quarantine_retried, true)) return;
  gateway_.projector.retry_quarantine(key_, [key = key_](Result<std::size_t> released) {
    if (released && *released > 0) {
      spdlog::info("store {}: {} entries left the quarantine", key.text(), *released);
    }
  });
}

void UplinkSession::refuse(RefusalCode code, const std::string& reason,
                           const election::Token& holder, bool holder_gone,
                           std::uint32_t retry_after_ms) {
  const auto channel = channel_.lock();
  const auto level = code == RefusalCode::lower_token ? spdlog::level::debug : spdlog::level::warn;
  spdlog::log(level, "uplink of {} from {} refused: {}", key_.text(),
              channel ? channel->peer() : "?", reason);
  gateway_.metrics.handshakes_refused.Increment();
  phase_ = Phase::over;
  send(uplink::HandshakeRefused{code, reason, holder, holder_gone, retry_after_ms});
  if (channel) channel->close("refused");
}

// ---- batches ----------------------------------------------------------------------------------

// No more than a window under way: a store that does not wait for acknowledgements is cut off, so
// that it cannot starve others. A batch whose acknowledgement is lost comes again and changes
// nothing. One that was under way when the lease moved is taken: entries are true whoever brings
// them.
void UplinkSession::on_batch(uplink::Batch batch) {
  if (phase_ != Phase::up) return;
  if (++batches_under_way_ > uplink_window_batches) {
    return violate("more batches under way than the window allows");
  }
  if (batch.entries.size() > uplink_batch_entries_max) {
    return violate("a batch of too many entries");
  }
  gateway_.metrics.batches.Increment();
  StoreState& store = state();
  auto checked = check_batch(batch, gateway_.codec, tenant_store_, store.device_keys);
  for (const auto& reason : checked.rejections) {
    spdlog::warn("store {}: {}", key_.text(), reason);
  }
  gateway_.metrics.entries_refused.Increment(static_cast<double>(checked.failures.size()));
  for (const auto& key : checked.learned_keys) store.device_keys.emplace(device_of(key), key);

  uplink::BatchAck ack;
  ack.sequence = batch.sequence;
  ack.failures = std::move(checked.failures);
  const std::size_t size = batch.entries.size();
  LogRecord record{key_, token_, std::move(checked.accepted), std::move(checked.learned_keys)};
  if (record.entries.empty()) {
    return on_appended({}, std::move(ack), size, AppendOutcome{});
  }
  gateway_.log.append(std::move(record),
                      [self = shared_from_this(), size, ack = std::move(ack),
                       places = std::move(checked.places)](Result<AppendOutcome> outcome) mutable {
                        self->on_appended(std::move(places), std::move(ack), size, outcome);
                      });
}

// Only now may the store be told that its entries are durable. Where the acknowledgement is lost,
// the next watermark tells the same, or the one with the next handshake.
void UplinkSession::on_appended(std::vector<BatchPlaces> places, uplink::BatchAck ack,
                                std::size_t size, const Result<AppendOutcome>& outcome) {
  --batches_under_way_;
  std::size_t not_held = ack.failures.size();
  if (!outcome) {
    gateway_.metrics.batches_deferred.Increment();
    for (const auto& place : places) {
      for (const auto index : place) {
        ack.failures.push_back({index, true, false, outcome.error().message});
        ++not_held;
      }
    }
  } else {
    gateway_.metrics.entries.Increment(static_cast<double>(places.size()));
    for (const auto& entry : outcome->quarantined) {
      gateway_.metrics.entries_quarantined.Increment();
      for (const auto index : places[entry.index]) {
        ack.failures.push_back({index, false, true, entry.reason});
      }
    }
  }
  ack.accepted = static_cast<std::uint32_t>(size - not_held);
  ack.token = token_;
  if (phase_ == Phase::up) send(ack);
}

// ---- lease ------------------------------------------------------------------------------------

// Answered only once the row says so: the store counts its lease from when it sent what is answered
// here. One that is lost costs nothing if the next comes within lease_s; else its holder counts as
// gone.
void UplinkSession::on_renewal(const uplink::LeaseRenewal& renewal) {
  if (phase_ != Phase::up) return;
  StoreState& store = state();
  store.lag_entries = renewal.pending_entries;
  if (renewing_) return;  // the database is slow; the store sends the next one anyway
  renewing_ = true;
  gateway_.leases.renew(
      key_, token_, place_of(*store.position),
      [self = shared_from_this(), sequence = renewal.sequence](Result<LeaseAnswer> answer) {
        self->renewing_ = false;
        if (self->phase_ != Phase::up || !answer) return;
        if (!answer->lost_to) self->send(uplink::LeaseRenewed{sequence});
        self->take_lease_answer(*answer);
      });
}

// Who has lost the lease is told, and its session ends; what it has under way is still taken.
void UplinkSession::take_lease_answer(const LeaseAnswer& answer) {
  if (const auto& holder = answer.lost_to) {
    return close(ClosingCode::lease_lost,
                 holder->token.is_none() ? "the store's lease was reset"
                                         : "the store's lease moved to " + holder->terminal,
                 holder->token);
  }
  if (answer.position) gateway_.on_projected(key_, *answer.position);
}

// One look at a time: what comes meanwhile is seen by the next. News that is lost is made up for by
// the next renewal, which asks the same row.
void UplinkSession::on_news() {
  if (phase_ != Phase::up) return;
  if (looking_) {
    look_again_ = true;
    return;
  }
  looking_ = true;
  gateway_.leases.look(key_, token_, place_of(*state().position),
                       [self = shared_from_this()](Result<LeaseAnswer> answer) {
                         self->looking_ = false;
                         if (self->phase_ != Phase::up) return;
                         if (answer) self->take_lease_answer(*answer);
                         if (std::exchange(self->look_again_, false)) self->on_news();
                       });
}

// The store is told why, and who holds its lease now. Where that is lost it connects anew and hears
// it as a refusal.
void UplinkSession::close(ClosingCode code, const std::string& reason,
                          const election::Token& holder) {
  if (phase_ == Phase::over) return;
  end();
  spdlog::info("store {}: the uplink of {} ({}) is closed: {}", key_.text(), terminal_,
               election::token_text(token_), reason);
  send(uplink::Closing{code, reason, holder});
  if (const auto channel = channel_.lock()) channel->close(reason);
}

void UplinkSession::end() {
  if (phase_ == Phase::up) gateway_.metrics.uplinks.Decrement();
  phase_ = Phase::over;
  watermark_timer_.cancel();
}

// Who is cut off keeps the lease for the grace, and beyond it if it has renewed it meanwhile by
// another connection. What is lost here (a stop, a database that is away) the lease's own end makes
// up for.
void UplinkSession::on_closed(const std::string& reason) {
  const bool was_up = phase_ == Phase::up;
  end();
  if (!was_up) return;
  spdlog::info("store {}: the uplink of {} ended: {}", key_.text(), terminal_, reason);
  // Who steps down says so; then nobody need wait for the lease to run out.
  if (reason == uplink::goodbye) return gateway_.leases.release(key_, token_);
  grace_timer_.expires_after(std::chrono::milliseconds(uplink::cut_grace_ms));
  const MonoTime cut = gateway_.now().mono;
  grace_timer_.async_wait([self = shared_from_this(), cut](boost::system::error_code error) {
    if (!error) self->gateway_.leases.release_if_silent(self->key_, self->token_, cut);
  });
}

// ---- what the cloud holds -----------------------------------------------------------------------

// After each commit that moved the store. What it sends is lost with the connection, and the next
// handshake's answer has the newest of both.
void UplinkSession::on_store_moved() {
  if (phase_ != Phase::up) return;
  push_watermark();
  push_feed();
}

mesh::Watermark UplinkSession::watermark_of(const StorePosition& position) const {
  return make_watermark(gateway_.codec, gateway_.cloud_key, key_, position);
}

void UplinkSession::note_told(const StorePosition& position) {
  watermark_sent_ = position.sequence;
  epoch_sent_ = position.epoch_random;
  told_ = position.held;
}

// Sequences only go up on a connection, within an epoch of one database. Commits that come before
// the pace allows the next watermark are told by that one together. A store that does not hold
// where the update begins, or is told that it would be too long, asks.
void UplinkSession::push_watermark() {
  StoreState& store = state();
  if (phase_ != Phase::up || watermark_waiting_) return;
  const bool is_told =
      store.position->epoch_random == epoch_sent_ && store.position->sequence <= watermark_sent_;
  if (is_told) return;
  const MonoTime now = gateway_.now().mono;
  if (now < store.pace.next()) {
    watermark_waiting_ = true;
    watermark_timer_.expires_after(store.pace.next() - now);
    watermark_timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      self->watermark_waiting_ = false;
      if (!error) self->push_watermark();
    });
    return;
  }
  const StorePosition& position = *store.position;
  uplink::ServerPush push;
  push.watermark = mesh::update_from(told_, watermark_of(position), position.held);
  note_told(position);
  store.pace.on_sent(now, send(push));
  gateway_.metrics.watermarks.Increment();
}

// One at a time: the store's next one follows from the answer. Where the answer is lost, so is the
// connection; on its next the store asks anew.
void UplinkSession::on_watermark_request(mesh::WatermarkRequest request) {
  if (phase_ != Phase::up) return;
  if (slice_wanted_) return violate("a second watermark request before the first was answered");
  const MonoTime now = gateway_.now().mono;
  if (now >= slices_since_ + slices_window) {
    slices_since_ = now;
    slices_ = 0;
  }
  if (++slices_ > slices_max) return violate("more watermark requests than any store needs");
  slice_wanted_ = std::move(request);
  send_slice();
}

// By the newest position, which may have moved since the slice before: then the store sees by the
// root that there is a rest, and asks again. Updates begin at the last slice from now on; those
// that went out between slices began at what the store did not hold, and it passes them over.
void UplinkSession::send_slice() {
  const auto channel = channel_.lock();
  if (phase_ != Phase::up || !slice_wanted_ || !channel) return;
  if (channel->queued_bytes() > slice_queued_bytes_max) return;
  const mesh::WatermarkRequest request = *std::exchange(slice_wanted_, std::nullopt);
  const StorePosition& position = *state().position;
  const auto slice = mesh::slice_for(request, watermark_of(position), position.held);
  if (slice.next == 0) note_told(position);
  gateway_.metrics.watermark_slices.Increment();
  send(slice);
}

// ---- feed, entries the store lost ---------------------------------------------------------------

// In order and without a gap, from the store's cursor. One read at a time, and none while the store
// does not read: a slow store costs no memory. A read that fails is made up for by the next move.
void UplinkSession::push_feed() {
  const auto channel = channel_.lock();
  StoreState& store = state();
  if (phase_ != Phase::up || feed_reading_ || !channel) return;
  if (feed_sent_ >= store.position->feed_number || channel->queued_bytes() > 0) return;
  feed_reading_ = true;
  gateway_.entries.read_feed(
      key_, store.position->feed_journal, feed_sent_, feed_push_bytes_max,
      [self = shared_from_this()](Result<ReadEntries> read) {
        self->feed_reading_ = false;
        if (self->phase_ != Phase::up || !read) return;
        if (read->entries.empty()) return;
        self->feed_sent_ = read->last_number;
        self->gateway_.metrics.feed_entries.Increment(static_cast<double>(read->entries.size()));
        self->send(uplink::ServerPush{std::move(read->entries), {}});
        self->push_feed();
      });
}

// A slice and the feed stopped for the channel's sake, and nothing else would set them going again.
void UplinkSession::on_drained() {
  send_slice();
  push_feed();
}

// For head office's eyes only; nothing is withheld or deleted by it. The next one makes up for a
// lost one.
void UplinkSession::on_feed_progress(const uplink::FeedProgress& progress) {
  if (phase_ != Phase::up) return;
  StoreState& store = state();
  if (progress.feed_journal == store.position->feed_journal) {
    store.feed_stored = std::max(store.feed_stored, progress.number);
  }
}

// One request at a time. Where the answer is lost, or the database fails, none comes: the store
// gives the connection up and asks on its next.
void UplinkSession::on_wanted(const uplink::EntriesWanted& wanted) {
  if (phase_ != Phase::up) return;
  if (fetching_) return violate("a second request for entries before the first was answered");
  fetching_ = true;
  const std::size_t bytes_max =
      std::clamp<std::size_t>(wanted.bytes_max, 64 * 1024, lost_entries_bytes_max);
  gateway_.entries.read_lost(
      key_, wanted.wanted, bytes_max,
      [self = shared_from_this(), request = wanted.request](Result<ReadEntries> read) {
        self->fetching_ = false;
        if (self->phase_ != Phase::up || !read) return;
        uplink::LostEntries lost;
        lost.request = request;
        lost.last = true;
        lost.entries = std::move(read->entries);
        for (const auto& [device, key] : self->state().device_keys) {
          if (lost.device_keys.size() < uplink::device_keys_max) lost.device_keys.push_back(key);
        }
        self->send(lost);
      });
}

}  // namespace titan::cloud
