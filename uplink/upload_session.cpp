// The session of a leader with the cloud: its leadership, its connection, its disk, time.
// What the cloud says is in cloud_messages.cpp, entries that this disk lost in lost_entries.cpp.
#include "uplink/upload_session.h"

#include <algorithm>
#include <cassert>

namespace titan::uplink {

std::vector<std::string> UplinkConfig::validate() const {
  std::vector<std::string> complaints;
  if (tenant.empty()) complaints.push_back("tenant must not be empty");
  if (store.empty()) complaints.push_back("store must not be empty");
  if (access_key.empty()) complaints.push_back("access_key must not be empty");
  if (cloud_key.is_none()) {
    complaints.push_back("the cloud's public key is missing; `titan-cloud keygen` prints it");
  }
  if (window.batch_entries_max == 0) complaints.push_back("batch_entries_max must be at least 1");
  if (window.batches_in_flight_max == 0) {
    complaints.push_back("batches_in_flight_max must be at least 1");
  }
  if (retry_first > retry_max) complaints.push_back("retry_first must not exceed retry_max");
  if (refused_retry_min > refused_retry_max) {
    complaints.push_back("refused_retry_min must not exceed refused_retry_max");
  }
  return complaints;
}

UploadSession::UploadSession(UplinkConfig config, const mesh::Codec& codec, Random random, Now now)
    : config_(std::move(config)),
      codec_(codec),
      random_(random),
      window_(config_.window, codec),
      watermark_(codec, config_.tenant, config_.store, config_.cloud_key),
      state_since_(now.wall) {}

// ---- leadership -------------------------------------------------------------------------------

void UploadSession::lead(Now now, const election::Token& token, const crdt::VersionVector& stored,
                         const crdt::RootedVector& held) {
  if (phase_ != Phase::idle && token == token_) return;
  if (phase_ != Phase::idle) drop_connection(now, "a new term began");
  token_ = token;
  failed_attempts_ = 0;
  uploaded_ = 0;
  quarantined_ = 0;
  probe_wanted_ = false;
  next_probe_ = MonoTime::never();
  watermark_.begin_at(held);
  window_.start(stored, held.vector());
  connect(now);
}

void UploadSession::follow(Now now) {
  if (phase_ == Phase::idle) return;
  drop_connection(now, goodbye);
  phase_ = Phase::idle;
  phase_deadline_ = MonoTime::never();
  token_ = {};
  set_state(now, UplinkState::not_leader, "");
  // Whether this terminal reaches the cloud stays as it was; the lease is no longer its own.
  tell_cloud_state(told_state_ && told_state_->first, false);
}

void UploadSession::on_leader_reaches_cloud(Now now, bool reaches) {
  const bool wanted = phase_ == Phase::idle && !reaches;
  if (wanted == probe_wanted_) return;
  probe_wanted_ = wanted;
  // The answer to a probe under way sets the time of the next.
  next_probe_ = wanted && !probing_ ? now.mono : MonoTime::never();
  on_tick(now);
}

void UploadSession::on_probed(Now now, bool reachable) {
  if (!probing_) return;
  probing_ = false;
  if (phase_ != Phase::idle) return;
  tell_cloud_state(reachable, false);
  if (probe_wanted_) next_probe_ = now.mono + config_.probe_interval;
}

// ---- connection -------------------------------------------------------------------------------

void UploadSession::connect(Now now) {
  phase_ = Phase::connecting;
  phase_deadline_ = now.mono + config_.accept_timeout;
  if (state_ != UplinkState::refused) set_state(now, UplinkState::connecting, "");
  effects_.push_back(Connect{++connection_});
}

void UploadSession::drop_connection(Now now, const std::string& reason) {
  if (is_connecting() || phase_ == Phase::up) {
    effects_.push_back(Disconnect{connection_, reason});
  }
  window_.on_disconnected();
  accepted_.reset();
  knows_held_ = false;
  watermark_.give_up();
  slice_deadline_ = MonoTime::never();
  offers_keys_ = false;
  challenge_until_ = MonoTime::never();
  lease_until_ = MonoTime::never();
  next_renewal_ = MonoTime::never();
  renewals_sent_.clear();
  lacking_.clear();
  fetching_ = false;
  fetch_deadline_ = MonoTime::never();
  feed_journal_ = {};
  feed_reported_ = 0;
  next_feed_report_ = now.mono;
}

void UploadSession::retry_after(Now now, Duration delay) {
  phase_ = Phase::waiting;
  phase_deadline_ = now.mono + std::max(delay, config_.retry_floor);
}

void UploadSession::back_off(Now now, const std::string& reason) {
  const std::uint32_t doublings = std::min<std::uint32_t>(failed_attempts_++, 16);
  const Duration span =
      std::min(config_.retry_max, Duration(config_.retry_first.count() << doublings));
  set_state(now, UplinkState::failed, reason);
  retry_after(now, Duration(random_.below(static_cast<std::uint64_t>(span.count()))));
}

bool UploadSession::is_connecting() const {
  return phase_ == Phase::connecting || phase_ == Phase::challenged || phase_ == Phase::handshaking;
}

void UploadSession::on_connected(Now now, std::uint64_t connection) {
  if (connection != connection_ || phase_ != Phase::connecting) return;
  phase_ = Phase::challenged;
  challenge_until_ = cloud_challenges_ ? MonoTime::never() : now.mono + config_.challenge_wait;
}

void UploadSession::shake_hands(Now now, const Nonce& nonce) {
  phase_ = Phase::handshaking;
  challenge_until_ = MonoTime::never();
  shook_hands_unasked_ = nonce.is_none();
  Handshake handshake;
  handshake.tenant = config_.tenant;
  handshake.store = config_.store;
  handshake.device_key = config_.device_key;
  handshake.token = token_;
  handshake.terminal = config_.terminal;
  handshake.access_key = config_.access_key;
  handshake.sent = now.wall;
  handshake.nonce = nonce;
  if (nonce.is_none()) handshake.protocol = challenge_since_version - 1;
  const auto* feeds = window_.stored().devices().get(device_of(config_.cloud_key));
  if (feeds != nullptr) {
    for (const auto& [journal, item] : *feeds) handshake.feeds.push_back({journal, item});
  }
  send(std::move(handshake));
}

void UploadSession::on_closed(Now now, std::uint64_t connection, const std::string& reason) {
  if (connection != connection_ || phase_ == Phase::idle || phase_ == Phase::waiting) return;
  const bool was_up = phase_ == Phase::up;
  phase_ = Phase::waiting;
  drop_connection(now, reason);
  if (was_up) effects_.push_back(UplinkNote{"the connection to the cloud ended: " + reason});
  tell_cloud_state(false, false);
  back_off(now, reason);
}

// ---- disk -------------------------------------------------------------------------------------

void UploadSession::on_stored(Now now,
                              std::span<const std::shared_ptr<const mesh::Entry>> entries) {
  if (phase_ == Phase::idle) return;
  for (const auto& entry : entries) {
    const mesh::EntryId& id = entry->envelope.id;
    const bool from_cloud = lacking_.contains(id.journal, id.number);
    if (from_cloud) lacking_.remove(id.journal, id.number);
    const bool is_feed = !feed_journal_.is_none() && id.journal == feed_journal_;
    window_.on_stored(entry, !from_cloud && !is_feed);
  }
  pump(now);
}

void UploadSession::on_read(Now now, std::uint64_t id, const std::vector<Bytes>& entries) {
  if (phase_ != Phase::up) return;
  const std::uint64_t before = window_.set_aside();
  window_.on_read(now, id, entries);
  if (window_.set_aside() > before) {
    effects_.push_back(
        UplinkAlarm{"unreadable", std::to_string(window_.set_aside() - before) +
                                      " entries that should be on this disk cannot be read; "
                                      "other terminals of the store may still hold them"});
  }
  pump(now);
}

void UploadSession::on_read_failed(Now now, std::uint64_t id) {
  if (phase_ != Phase::up) return;
  window_.on_read_failed(now, id);
  pump(now);
}

// ---- time -------------------------------------------------------------------------------------

void UploadSession::on_tick(Now now) {
  if (phase_ == Phase::idle && now.mono >= next_probe_ && !probing_) {
    probing_ = true;
    next_probe_ = MonoTime::never();
    effects_.push_back(ProbeCloud{});
  }
  if (phase_ == Phase::waiting && now.mono >= phase_deadline_) connect(now);
  if (now.mono >= challenge_until_) shake_hands(now, {});
  if (is_connecting() && now.mono >= phase_deadline_) {
    drop_connection(now, "no answer in time");
    tell_cloud_state(false, false);
    back_off(now, "the cloud did not answer within " + seconds_text(config_.accept_timeout));
  }
  pump(now);
}

void UploadSession::renew_lease(Now now) {
  if (now.mono < next_renewal_) return;
  next_renewal_ = now.mono + lease_ / 3;
  renewals_sent_[++renewal_] = now.mono;
  send(LeaseRenewal{renewal_, window_.pending_entries(), view_size_});
}

void UploadSession::report_feed(Now now) {
  if (feed_journal_.is_none() || now.mono < next_feed_report_) return;
  const crdt::VectorItem* feed = window_.stored().find(feed_journal_);
  if (feed == nullptr) return;
  const auto& first = feed->stored.intervals().front();
  const std::uint64_t number = first.first == 1 ? first.last : 0;
  if (number <= feed_reported_) return;
  feed_reported_ = number;
  next_feed_report_ = now.mono + config_.feed_progress_interval;
  send(FeedProgress{feed_journal_, number});
}

void UploadSession::pump(Now now) {
  if (phase_ != Phase::up) return;
  if (now.mono >= lease_until_) {
    drop_connection(now, "the lease ran out");
    tell_cloud_state(false, false);
    back_off(now, "the cloud did not renew this store's lease within " + seconds_text(lease_));
    return;
  }
  if (now.mono >= slice_deadline_) {
    drop_connection(now, "what the cloud holds was not told in time");
    tell_cloud_state(false, false);
    back_off(now,
             "the cloud did not say what it holds within " + seconds_text(config_.accept_timeout));
    return;
  }
  const auto waiting_since = window_.oldest_in_flight();
  if (waiting_since && now.mono >= *waiting_since + config_.ack_timeout) {
    drop_connection(now, "a batch was not acknowledged in time");
    tell_cloud_state(false, false);
    back_off(now,
             "the cloud did not acknowledge a batch within " + seconds_text(config_.ack_timeout));
    return;
  }
  renew_lease(now);
  report_feed(now);
  fetch_lacking(now);
  if (phase_ != Phase::up) return;
  while (auto batch = window_.next_batch(now)) {
    if (offers_keys_ && key_source_) batch->device_keys = key_source_();
    send(std::move(*batch));
  }
  if (auto read = window_.next_read(now)) {
    effects_.push_back(ReadEntries{read->id, read->journal, read->numbers, read->bytes_max});
  }
}

MonoTime UploadSession::next_deadline() const {
  MonoTime deadline = std::min({phase_deadline_, next_probe_, challenge_until_});
  if (phase_ != Phase::up) return deadline;
  deadline =
      std::min({deadline, lease_until_, next_renewal_, slice_deadline_, window_.next_deadline()});
  if (const auto since = window_.oldest_in_flight()) {
    deadline = std::min(deadline, *since + config_.ack_timeout);
  }
  if (!lacking_.empty()) deadline = std::min(deadline, fetch_deadline_);
  if (const crdt::VectorItem* feed = window_.stored().find(feed_journal_)) {
    const auto& first = feed->stored.intervals().front();
    const bool is_more = first.first == 1 && first.last > feed_reported_;
    if (is_more) deadline = std::min(deadline, next_feed_report_);
  }
  return deadline;
}

// ---- effects and status -------------------------------------------------------------------------

std::string UploadSession::seconds_text(Duration duration) {
  return std::to_string(std::chrono::duration_cast<seconds>(duration).count()) + " s";
}

void UploadSession::send(ToCloud message) {
  effects_.push_back(SendToCloud{connection_, std::move(message)});
}

void UploadSession::set_state(Now now, UplinkState state, std::string message) {
  if (state != state_) state_since_ = now.wall;
  state_ = state;
  state_message_ = std::move(message);
}

void UploadSession::tell_cloud_state(bool reachable, bool holds_lease) {
  const auto state = std::make_pair(reachable, holds_lease);
  if (told_state_ == state) return;
  told_state_ = state;
  effects_.push_back(CloudStateChanged{{reachable, holds_lease}});
}

std::vector<UplinkEffect> UploadSession::take_effects() {
  return std::exchange(effects_, {});
}

UplinkStatus UploadSession::status() const {
  UplinkStatus status;
  status.state = state_;
  status.message = state_message_;
  status.since = state_since_;
  status.pending_entries = phase_ == Phase::idle ? 0 : window_.pending_entries();
  status.batches_in_flight = window_.batches_in_flight();
  status.set_aside = window_.set_aside();
  status.quarantined = quarantined_;
  status.to_fetch = lacking_.count();
  status.uploaded = uploaded_;
  return status;
}

void UploadSession::check_invariants() const {
  window_.check_invariants();
  assert(phase_ == Phase::up || window_.batches_in_flight() == 0);
  assert((state_ == UplinkState::up) == (phase_ == Phase::up));
  assert((phase_ == Phase::idle) == token_.is_none());
  assert(phase_ == Phase::up || lease_until_ == MonoTime::never());
  assert(phase_ == Phase::up || next_renewal_ == MonoTime::never());
  assert(phase_ == Phase::up || lacking_.empty());
  assert((phase_ == Phase::up) == accepted_.has_value());
  assert(phase_ == Phase::up || !knows_held_);
  assert(watermark_.is_catching_up() == (slice_deadline_ != MonoTime::never()));
  assert(phase_ == Phase::challenged || challenge_until_ == MonoTime::never());
  const bool has_no_end = phase_ == Phase::idle || phase_ == Phase::up;
  assert(has_no_end == (phase_deadline_ == MonoTime::never()));
  const bool may_probe = phase_ == Phase::idle && probe_wanted_ && !probing_;
  assert(may_probe || next_probe_ == MonoTime::never());
  assert(renewals_sent_.size() <= 3);
  lacking_.check_invariants();
}

}  // namespace titan::uplink
