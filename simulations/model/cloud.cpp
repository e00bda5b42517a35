#include "simulations/model/cloud.h"

#include <algorithm>
#include <utility>

#include "base/overloaded.h"
#include "election/term_bound.h"
#include "mesh/entry/verify.h"
#include "uplink/upload_session.h"
#include "uplink/wire/uplink_codec.h"

namespace titan::simulations {
namespace {

// As cloud/gateway/gateway.h and uplink/postgres/lease_row.h have them.
constexpr std::uint32_t batch_entries_max = 512;
constexpr std::uint32_t batch_bytes_max = 1024 * 1024;
constexpr std::uint32_t window_batches = 8;
constexpr Duration cut_grace = milliseconds(1000);
constexpr Duration cut_margin = milliseconds(100);
// Who has been told that it is over may close so long; then the gateway does.
constexpr Duration close_limit = milliseconds(500);
// A rough figure of a Kafka append.
constexpr Duration log_takes = milliseconds(2);
// With the planted bug: one in so many acknowledged records never reaches the log.
constexpr std::uint64_t lost_record_every = 5;

}  // namespace

Cloud::Cloud(Surroundings& surroundings, const mesh::Codec& codec, KeyPair key, CloudBugs bugs)
    : surroundings_(surroundings),
      codec_(codec),
      key_(key),
      bugs_(bugs),
      random_(surroundings.random.next()),
      gateways_(std::max<std::uint32_t>(1, surroundings.scenario.topology.gateways)) {
  for (Gateway& gateway : gateways_) {
    gateway.gate = std::make_shared<Gate>(surroundings_.schedule);
  }
}

Cloud::~Cloud() {
  for (Gateway& gateway : gateways_) gateway.gate->close();
}

Duration Cloud::database_time() {
  return milliseconds(1) + Duration(random_.below(2000));
}

// ---- connections -------------------------------------------------------------------------------

std::shared_ptr<Tcp> Cloud::accept(Tcp::Side dialled) {
  if (refuses_) return nullptr;
  auto session = std::make_shared<Session>();
  session->number = next_session_++;
  session->gateway = next_gateway_++ % gateways_.size();
  session->nonce = uplink::Nonce::draw(random_);
  Tcp::Side listened;
  listened.place = surroundings_.lan.cloud();
  std::weak_ptr<Session> weak = session;
  auto gate_of_session = gate(session);
  listened.on_frame = [this, weak, g = gate_of_session](Bytes frame) {
    const auto alive = weak.lock();
    if (alive && alive->tcp) alive->tcp->taken(1, frame.size());
    g->pass([this, weak, frame = std::move(frame)] {
      if (const auto to = weak.lock()) on_frame(to, frame);
    });
  };
  listened.on_end = [this, weak, g = gate_of_session](TcpEnd) {
    g->pass([this, weak] {
      const auto ended = weak.lock();
      if (!ended) return;
      const bool was_up = std::exchange(ended->phase, Phase::over) == Phase::up;
      Gateway& gateway = gateways_[ended->gateway];
      if (gateway.session == ended) gateway.session = nullptr;
      if (was_up) release_if_silent(ended);
    });
  };
  TcpLimits limits;
  limits.stalled_max = seconds(20);  // the WebSocket's idle time limit
  limits.heartbeat_every = seconds(10);
  limits.bytes_max = 16 * 1024 * 1024;
  session->tcp = std::make_shared<Tcp>(surroundings_.schedule, surroundings_.lan, limits,
                                       std::move(dialled), std::move(listened));
  surroundings_.connection_made(session->tcp);
  // The connection knows its session only weakly.
  std::erase_if(sessions_, [](const auto& old) { return old->phase == Phase::over; });
  sessions_.push_back(session);
  gate(session)->pass([this, session] { send(session, uplink::Challenge{session->nonce}); });
  return session->tcp;
}

void Cloud::send(const SessionPointer& session, const uplink::ToStore& message) {
  Bytes frame = uplink_message_mark + uplink::encode(message);
  const MonoTime now = surroundings_.schedule.now();
  session->last_sent = std::max(session->last_sent, now + slow_);
  if (session->last_sent == now) {
    surroundings_.recorder.frame(surroundings_.lan.cloud(), 0, frame);
    session->tcp->send(1, std::move(frame));
    return;
  }
  gate(session)->at(session->last_sent, [session, frame = std::move(frame)]() mutable {
    session->tcp->send(1, std::move(frame));
  });
}

void Cloud::on_frame(const SessionPointer& session, const Bytes& frame) {
  if (session->phase == Phase::over || frame.empty()) return;
  if (frame.front() == uplink_message_mark) {
    return on_message(session, BytesView(frame).substr(1));
  }
  const bool was_up = session->phase == Phase::up;
  session->phase = Phase::over;
  Gateway& gateway = gateways_[session->gateway];
  if (gateway.session == session) gateway.session = nullptr;
  if (!was_up) return;
  if (BytesView(frame).substr(1) != uplink::goodbye) return release_if_silent(session);
  surroundings_.schedule.in(database_time(), [this, token = session->token] {
    if (database_.lease.token != token || database_.lease.released) return;
    database_.lease.released = true;
    surroundings_.recorder.observe(LeaseReleased{token});
  });
}

// A holder that was cut off and does not come back is gone.
void Cloud::release_if_silent(const SessionPointer& session) {
  gate(session)->in(cut_grace, [this, token = session->token] {
    surroundings_.schedule.in(database_time(), [this, token] {
      Lease& lease = database_.lease;
      const bool is_silent = surroundings_.schedule.now() - lease.renewed > cut_grace + cut_margin;
      if (lease.token != token || lease.released || !is_silent) return;
      lease.released = true;
      surroundings_.recorder.reach("lease_released_after_cut");
      surroundings_.recorder.observe(LeaseReleased{token});
    });
  });
}

void Cloud::on_message(const SessionPointer& session, BytesView bytes) {
  const auto message = uplink::decode_to_cloud(bytes);
  if (!message) {
    if (message.error().code == ErrorCode::unsupported) return;  // of a newer version
    if (session->phase != Phase::waiting) return violate(session);
    const bool is_forged = message.error().code == ErrorCode::refused;
    return refuse(session,
                  is_forged ? uplink::RefusalCode::signature : uplink::RefusalCode::malformed,
                  "the handshake's " + message.error().message);
  }
  const bool is_handshake = std::holds_alternative<uplink::Handshake>(*message);
  if (is_handshake != (session->phase == Phase::waiting)) return violate(session);
  std::visit(Overloaded{
                 [&](const uplink::Handshake& m) { on_handshake(session, m); },
                 [&](const uplink::Batch& m) { on_batch(session, m); },
                 [&](const uplink::LeaseRenewal& m) { on_renewal(session, m); },
                 [&](const uplink::EntriesWanted& m) { on_wanted(session, m); },
                 [&](const uplink::FeedProgress&) {},
                 [&](const mesh::WatermarkRequest& m) { on_watermark_request(session, m); },
             },
             *message);
}

// ---- handshake and lease -----------------------------------------------------------------------

bool Cloud::is_gone(const Lease& lease) const {
  return lease.released || surroundings_.schedule.now() - lease.renewed > lease_lasts;
}

void Cloud::on_handshake(const SessionPointer& session, const uplink::Handshake& handshake) {
  if (handshake.protocol == 0 || handshake.protocol > uplink::uplink_protocol_version + 1) {
    return refuse(session, uplink::RefusalCode::protocol, "the versions are too far apart");
  }
  if (handshake.tenant != tenant_name || handshake.access_key != access_key) {
    return refuse(session, uplink::RefusalCode::bad_key, "tenant or access key is not known");
  }
  if (handshake.store != store_name) {
    return refuse(session, uplink::RefusalCode::unknown_store, "this cloud has one store");
  }
  if (!answers_challenge(session, handshake)) {
    return refuse(session, uplink::RefusalCode::signature, "the challenge is not answered");
  }
  session->token = handshake.token;
  session->terminal = handshake.terminal;
  session->device_key = handshake.device_key;
  session->phase = Phase::opening;
  for (const auto& item : handshake.feeds) {
    const auto& intervals = item.item.stored.intervals();
    if (!intervals.empty() && intervals.front().first == 1) {
      session->feeds[item.journal] = intervals.front().last;
    }
  }
  // One transaction: compare and set.
  surroundings_.schedule.in(database_time(), [this, session] {
    if (database_.feed.number == 0) open_feed();
    std::optional<Lease> refused_by;
    const std::uint64_t held = database_.lease.token.term;
    const bool is_first = database_.lease.token.is_none() && database_.epoch > 1;
    const bool is_jump = is_first ? session->token.term > election::term_after_reset_max
                                  : !election::is_plausible_term(session->token.term, held);
    if (is_jump) surroundings_.recorder.reach("absurd_term_refused");
    if ((database_.lease.token > session->token && !bugs_.two_uplinks) ||
        (is_jump && !bugs_.unbounded_terms)) {
      refused_by = database_.lease;
    } else {
      database_.lease = {session->token, session->terminal, surroundings_.schedule.now(), false};
      TerminalIndex terminal = 0;
      const auto& terminals = surroundings_.scenario.topology.terminals;
      while (terminal < terminals.size() && terminals[terminal].name != session->terminal) {
        ++terminal;
      }
      surroundings_.recorder.observe(LeaseGranted{terminal, session->token});
      tell_lease_moved(session);
    }
    gate(session)->pass([this, session, refused_by] { on_opened(session, refused_by); });
  });
}

bool Cloud::answers_challenge(const SessionPointer& session, const uplink::Handshake& handshake) {
  auto& answering = gateways_[session->gateway].answering;
  const DeviceId device = device_of(handshake.device_key);
  if (handshake.protocol < uplink::challenge_since_version) return !answering.contains(device);
  if (handshake.nonce != session->nonce) return false;
  answering.insert(device);
  return true;
}

// By the database's NOTIFY: an uplink at another gateway need not wait for its next renewal.
void Cloud::tell_lease_moved(const SessionPointer& by) {
  if (bugs_.two_uplinks || bugs_.renews_lost_lease) return;
  for (Gateway& gateway : gateways_) {
    if (&gateway == &gateways_[by->gateway]) continue;
    gateway.gate->pass([this, &gateway, lease = database_.lease] {
      const SessionPointer session = gateway.session;
      if (!session || !(session->token < lease.token)) return;
      surroundings_.recorder.reach("lease_lost");
      close(session, uplink::ClosingCode::lease_lost,
            "the store's lease moved to " + lease.terminal, lease.token);
    });
  }
}

void Cloud::refuse(const SessionPointer& session, uplink::RefusalCode code,
                   const std::string& reason, const election::Token& holder, bool gone) {
  if (code == uplink::RefusalCode::lower_token) {
    surroundings_.recorder.reach(gone ? "lease_refused_holder_gone" : "lease_refused");
  }
  send(session, uplink::HandshakeRefused{code, reason, holder, gone, 0});
  end(session, close_limit);
}

void Cloud::on_opened(const SessionPointer& session, const std::optional<Lease>& refused_by) {
  if (session->phase != Phase::opening) return;
  if (refused_by) {
    return refuse(session, uplink::RefusalCode::lower_token,
                  refused_by->terminal + " holds the store's lease", refused_by->token,
                  is_gone(*refused_by));
  }
  Gateway& gateway = gateways_[session->gateway];
  if (const auto old = gateway.session; old && old != session) {
    if (old->phase == Phase::up && old->token > session->token && !bugs_.two_uplinks) {
      return refuse(session, uplink::RefusalCode::lower_token,
                    old->terminal + " holds the store's lease", old->token);
    }
    surroundings_.recorder.reach("uplink_fenced");
    if (!bugs_.two_uplinks) {
      close(old, uplink::ClosingCode::fenced, "a newer connection of this store replaces it",
            session->token);
    }
  }
  session->phase = Phase::up;
  gateway.session = session;
  gateway.keys = database_.keys;
  gateway.keys.emplace(device_of(session->device_key), session->device_key);
  uplink::HandshakeAccepted accepted;
  accepted.watermark = watermark();
  accepted.feed_journal = database_.feed.journal;
  accepted.feed_number = database_.feed.number;
  accepted.cloud_key = key_.public_key;
  accepted.batch_entries_max = batch_entries_max;
  accepted.batch_bytes_max = batch_bytes_max;
  accepted.window_batches = window_batches;
  accepted.lease_ms = static_cast<std::uint32_t>(lease_lasts / milliseconds(1));
  note_told(*session);
  const auto feed = session->feeds.find(database_.feed.journal);
  session->feed_sent = feed == session->feeds.end() ? 0 : feed->second;
  send(session, accepted);
  push_feed(session);
}

void Cloud::on_renewal(const SessionPointer& session, const uplink::LeaseRenewal& renewal) {
  if (session->phase != Phase::up || session->renewing) return;
  session->renewing = true;
  surroundings_.schedule.in(database_time(), [this, session, sequence = renewal.sequence] {
    const bool renewed =
        database_.lease.token == session->token || bugs_.two_uplinks || bugs_.renews_lost_lease;
    if (renewed) {
      surroundings_.recorder.observe(LeaseKept{session->token});
      database_.lease.renewed = surroundings_.schedule.now();
      database_.lease.released = false;
    }
    gate(session)->pass([this, session, renewed, sequence, holder = database_.lease] {
      session->renewing = false;
      if (session->phase != Phase::up) return;
      if (renewed) return send(session, uplink::LeaseRenewed{sequence});
      surroundings_.recorder.reach("lease_lost");
      close(session, uplink::ClosingCode::lease_lost,
            "the store's lease moved to " + holder.terminal, holder.token);
    });
  });
}

void Cloud::close(const SessionPointer& session, uplink::ClosingCode code,
                  const std::string& reason, const election::Token& holder) {
  if (session->phase == Phase::over) return;
  send(session, uplink::Closing{code, reason, holder});
  end(session, close_limit);
}

// It does not keep to the protocol.
void Cloud::violate(const SessionPointer& session) {
  end(session, {});
}

void Cloud::end(const SessionPointer& session, Duration within) {
  session->phase = Phase::over;
  Gateway& gateway = gateways_[session->gateway];
  if (gateway.session == session) gateway.session = nullptr;
  if (within == Duration{}) return session->tcp->close(1);
  gate(session)->at(std::max(session->last_sent, surroundings_.schedule.now()) + within,
                    [session] { session->tcp->close(1); });
}

// One transaction: the row is emptied and the epoch opened. Uplinks end by it, here each with its
// next renewal, which finds the row changed; the real one's gateways tell each other at once.
void Cloud::reset_lease() {
  surroundings_.schedule.in(database_time(), [this] {
    database_.lease = {};
    ++database_.epoch;
    ++database_.sequence;
    surroundings_.recorder.reach("lease_reset");
    surroundings_.recorder.observe(LeaseReset{database_.epoch});
    moved();
  });
}

// ---- batches -----------------------------------------------------------------------------------

void Cloud::on_batch(const SessionPointer& session, const uplink::Batch& batch) {
  if (session->phase != Phase::up) return;
  if (++session->batches_under_way > window_batches) return violate(session);
  if (batch.entries.size() > batch_entries_max) return violate(session);
  Gateway& gateway = gateways_[session->gateway];
  uplink::BatchAck ack;
  ack.sequence = batch.sequence;
  // A repeated entry stands in several places.
  std::map<EntryKey, std::vector<std::uint32_t>> places;
  std::vector<std::shared_ptr<const mesh::Entry>> entries;
  for (std::uint32_t i = 0; i < batch.entries.size(); ++i) {
    auto entry = codec_.decode_entry(batch.entries[i]);
    if (!entry) {
      ack.failures.push_back({i, false, false, entry.error().message});
      continue;
    }
    auto& place = places[{entry->envelope.id, entry->hash}];
    place.push_back(i);
    if (place.size() > 1) continue;
    entries.push_back(std::make_shared<const mesh::Entry>(std::move(*entry)));
  }
  mesh::VerifyContext context;
  context.tenant_store = mesh::tenant_store_hash(tenant_name, store_name);
  context.key_of = [&](const DeviceId& device) -> std::optional<PublicKey> {
    if (const auto found = gateway.keys.find(device); found != gateway.keys.end()) {
      return found->second;
    }
    // Another gateway may have learnt it since.
    const auto found = database_.keys.find(device);
    if (found == database_.keys.end()) return std::nullopt;
    return found->second;
  };
  context.offered_keys = batch.device_keys;
  auto checked = mesh::check_entries(std::move(entries), context);
  for (const auto& rejection : checked.rejected) {
    const bool later = rejection.code == mesh::RejectionCode::unknown_device;
    for (const std::uint32_t place : places[{rejection.id, rejection.hash}]) {
      ack.failures.push_back({place, later, false, rejection.reason});
    }
    surroundings_.recorder.reach("cloud_rejected_entry");
  }
  for (const PublicKey& key : checked.learned_keys) gateway.keys.emplace(device_of(key), key);
  append(session, {std::move(checked.accepted), std::move(checked.learned_keys)}, std::move(ack),
         batch.entries.size());
}

void Cloud::append(const SessionPointer& session, Record record, uplink::BatchAck ack,
                   std::size_t size) {
  const bool is_lost = bugs_.acknowledge_before_kafka && ++records_ % lost_record_every == 0;
  auto shared = std::make_shared<Record>(std::move(record));
  surroundings_.schedule.in(
      log_takes, [this, session, shared, is_lost, ack = std::move(ack), size] {
        if (!shared->entries.empty() && !is_lost) log_.push_back(*shared);
        project_next();
        gate(session)->pass(
            [this, session, shared, ack, size] { on_appended(session, *shared, ack, size); });
      });
}

void Cloud::on_appended(const SessionPointer& session, const Record& record, uplink::BatchAck ack,
                        std::size_t size) {
  --session->batches_under_way;
  ack.accepted = static_cast<std::uint32_t>(size - ack.failures.size());
  if (session->phase != Phase::up) {
    surroundings_.recorder.reach("batch_of_fenced_uplink_kept");
    return;
  }
  if (std::exchange(lose_next_answer_, false)) {
    surroundings_.recorder.reach("cloud_answer_lost");
    session->phase = Phase::over;
    session->tcp->reset();
    return;
  }
  for (const auto& entry : record.entries) {
    surroundings_.recorder.observe(
        CloudAcknowledged{entry->envelope.id, entry->hash, session->token});
  }
  ack.token = session->token;
  send(session, ack);
}

// ---- faults ------------------------------------------------------------------------------------

void Cloud::set_refuses(bool refuses) {
  refuses_ = refuses;
  if (refuses) restart();
}

void Cloud::restart() {
  for (Gateway& gateway : gateways_) {
    gateway.gate->close();
    gateway.gate = std::make_shared<Gate>(surroundings_.schedule);
    gateway.keys.clear();
    gateway.session = nullptr;
  }
  for (const auto& session : std::exchange(sessions_, {})) {
    session->phase = Phase::over;
    session->tcp->reset();
  }
}

void Cloud::stall_gateway(Duration length) {
  // The one that serves the store now, if any does.
  for (Gateway& gateway : gateways_) {
    if (gateway.session) return gateway.gate->stall(length);
  }
  gateways_.front().gate->stall(length);
}

}  // namespace titan::simulations
