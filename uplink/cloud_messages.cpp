// What the cloud says on a connection, and what follows from it.
#include <algorithm>

#include "base/overloaded.h"
#include "election/describe.h"
#include "uplink/upload_session.h"

namespace titan::uplink {

// One answer to the handshake, and nothing else before it: a peer that does otherwise does not keep
// to the protocol, and the connection is made anew.
void UploadSession::on_message(Now now, std::uint64_t connection, const ToStore& message) {
  if (connection != connection_) return;
  if (const auto* challenge = std::get_if<Challenge>(&message))
    return on_challenge(now, *challenge);
  if (phase_ != Phase::challenged && phase_ != Phase::handshaking && phase_ != Phase::up) return;
  const bool first = phase_ == Phase::handshaking;
  const bool answers_handshake = std::holds_alternative<HandshakeAccepted>(message) ||
                                 std::holds_alternative<HandshakeRefused>(message);
  const bool in_turn = phase_ != Phase::challenged && first == answers_handshake;
  if (!in_turn && !std::holds_alternative<Closing>(message)) {
    drop_connection(now, "a message out of turn");
    back_off(now, "the cloud does not keep to the protocol: a message out of turn");
    return;
  }
  std::visit(Overloaded{
                 [](const Challenge&) {},  // above
                 [&](const HandshakeAccepted& m) { on_accepted(now, m); },
                 [&](const HandshakeRefused& m) { on_refused(now, m); },
                 [&](const BatchAck& m) { on_ack(now, m); },
                 [&](const ServerPush& m) { on_push(now, m); },
                 [&](const LeaseRenewed& m) { on_renewed(now, m); },
                 [&](const LostEntries& m) { on_lost_entries(now, m); },
                 [&](const mesh::WatermarkSlice& m) { on_slice(now, m); },
                 [&](const Closing& m) { on_closing(now, m); },
             },
             message);
  pump(now);
}

// One that comes too late answers a handshake without it, which stands or was refused. Never: the
// handshake goes unasked after challenge_wait, or, to a cloud known to challenge, the attempt ends.
void UploadSession::on_challenge(Now now, const Challenge& challenge) {
  cloud_challenges_ = true;
  if (phase_ == Phase::challenged) shake_hands(now, challenge.nonce);
}

// Where to go on is the cloud's word, never what was sent before: nothing is lost with a
// connection. Lost: the attempt ends at accept_timeout.
void UploadSession::on_accepted(Now now, const HandshakeAccepted& accepted) {
  if (accepted.cloud_key != config_.cloud_key) {
    drop_connection(now, "the cloud's key is not the configured one");
    const std::string text =
        "the cloud at the configured address has the key " + accepted.cloud_key.hex() +
        ", not the one in [cloud] public_key; check the address, or set the key if the cloud "
        "was set up anew";
    effects_.push_back(UplinkAlarm{"cloud_key", text});
    set_state(now, UplinkState::failed, text);
    tell_cloud_state(false, false);
    retry_after(now, config_.misconfigured_retry);
    return;
  }
  phase_ = Phase::up;
  phase_deadline_ = MonoTime::never();
  lease_ = milliseconds(std::clamp<std::uint32_t>(accepted.lease_ms, 300, 60'000));
  lease_until_ = now.mono + lease_;
  next_renewal_ = now.mono + lease_ / 3;
  feed_journal_ = accepted.feed_journal;
  accepted_ = accepted;
  forget_lacking();
  set_state(now, UplinkState::up, "");
  tell_cloud_state(true, true);
  // A copy: what is guessed may be more than this cloud holds, if it was restored from a backup.
  watermark_.begin_at(crdt::RootedVector(watermark_.known().held));
  take_watermark(now, {accepted.watermark, {}, {}});
}

// The cloud was slow, and knows that this device can answer: its challenge came, or comes, too
// late.
bool UploadSession::is_refused_for_haste(const HandshakeRefused& refused) const {
  return refused.code == RefusalCode::signature && shook_hands_unasked_;
}

// Whatever the reason, the next attempt comes, and sales are kept meanwhile. Lost: as above.
void UploadSession::on_refused(Now now, const HandshakeRefused& refused) {
  drop_connection(now, "refused");
  if (is_refused_for_haste(refused)) {
    cloud_challenges_ = true;
    tell_cloud_state(true, false);
    return back_off(now, "the cloud's challenge came too late");
  }
  tell_cloud_state(refused.code != RefusalCode::busy, false);
  const Duration asked = milliseconds(std::min<std::uint32_t>(refused.retry_after_ms, 60'000));
  switch (refused.code) {
    case RefusalCode::lower_token: {
      // A holder below us: the cloud takes our term for one that no store can have reached.
      const bool is_jump = refused.holder < token_;
      std::string text = is_jump
                             ? "the cloud refused this store: " + refused.reason
                             : "another terminal of this store is connected to the cloud under " +
                                   election::token_text(refused.holder) +
                                   "; sales are kept and uploaded once the terminals see each "
                                   "other again";
      if (is_jump && state_message_ != text) {
        effects_.push_back(UplinkAlarm{"uplink_refused", text});
      }
      set_state(now, UplinkState::refused, std::move(text));
      const auto spread = config_.refused_retry_max - config_.refused_retry_min;
      const auto extra = random_.below(static_cast<std::uint64_t>(spread.count()) + 1);
      retry_after(now, std::max(asked, config_.refused_retry_min + Duration(extra)));
      effects_.push_back(LeaseRefused{refused.holder, refused.holder_gone});
      return;
    }
    case RefusalCode::busy:
      back_off(now, "the cloud is busy: " + refused.reason);
      phase_deadline_ = std::max(phase_deadline_, now.mono + asked);
      return;
    case RefusalCode::unknown_store:
    case RefusalCode::bad_key:
    case RefusalCode::protocol:
    case RefusalCode::malformed:
    case RefusalCode::signature:
      break;
  }
  const std::string text = "the cloud refused this store: " + refused.reason;
  if (state_message_ != text) effects_.push_back(UplinkAlarm{"uplink_refused", text});
  set_state(now, UplinkState::refused, text);
  retry_after(now, std::max(asked, config_.misconfigured_retry));
}

// Uploaded is what the cloud acknowledged, and nothing else. Lost: the connection ends at
// ack_timeout, and the next one begins with what the cloud holds.
void UploadSession::on_ack(Now now, const BatchAck& ack) {
  const bool is_own = ack.token.is_none() || ack.token == token_;
  const auto outcome = is_own ? window_.on_ack(now, ack) : std::nullopt;
  if (!outcome) {
    drop_connection(now, "an acknowledgement that fits no batch");
    back_off(now, "the cloud does not keep to the protocol: it acknowledged an unknown batch");
    return;
  }
  uploaded_ += outcome->held;
  quarantined_ += outcome->quarantined;
  if (outcome->retried > 0) offers_keys_ = true;
  if (!outcome->first_failure) return;
  const std::string place = "entry " + std::to_string(outcome->first_failure->number) +
                            " of journal " + outcome->first_failure->journal.hex();
  if (outcome->refused > 0) {
    effects_.push_back(UplinkAlarm{"upload_refused",
                                   "the cloud refused " + std::to_string(outcome->refused) +
                                       " entries, first " + place + ": " + outcome->first_reason});
  } else if (outcome->quarantined > 0) {
    effects_.push_back(UplinkAlarm{"quarantined", "the cloud holds " +
                                                      std::to_string(outcome->quarantined) +
                                                      " entries that it cannot book yet, first " +
                                                      place + ": " + outcome->first_reason});
  } else {
    effects_.push_back(UplinkNote{"the cloud will take " + std::to_string(outcome->retried) +
                                  " entries later, first " + place + ": " + outcome->first_reason});
  }
}

// The node checks what comes; here it is only passed on. The cloud pushes each entry of the feed
// once a connection: what the disk did not take is asked for.
void UploadSession::on_push(Now now, const ServerPush& push) {
  if (!push.feed_entries.empty()) {
    note_pushed(now, push.feed_entries);
    effects_.push_back(CloudEntries{push.feed_entries, {config_.cloud_key}});
  }
  if (push.watermark) take_watermark(now, *push.watermark);
}

// Counted from when the renewal was sent, so that the cloud's lease ends no earlier than ours.
// Lost: the next one renews as well; without any for a whole lease the connection ends.
void UploadSession::on_renewed(Now, const LeaseRenewed& renewed) {
  const auto sent = renewals_sent_.find(renewed.sequence);
  if (sent == renewals_sent_.end()) return;
  lease_until_ = std::max(lease_until_, sent->second + lease_);
  renewals_sent_.erase(renewals_sent_.begin(), std::next(sent));
}

// Lost: the connection ends all the same, and on_closed() backs off.
void UploadSession::on_closing(Now now, const Closing& closing) {
  drop_connection(now, "closed by the cloud");
  switch (closing.code) {
    case ClosingCode::fenced:
    case ClosingCode::lease_lost: {
      set_state(now, UplinkState::refused,
                "the cloud now listens to another terminal of this store: " + closing.reason);
      tell_cloud_state(true, false);
      const auto spread = config_.refused_retry_max - config_.refused_retry_min;
      const auto extra = random_.below(static_cast<std::uint64_t>(spread.count()) + 1);
      retry_after(now, config_.refused_retry_min + Duration(extra));
      if (!closing.holder.is_none()) effects_.push_back(LeaseRefused{closing.holder, false});
      return;
    }
    case ClosingCode::shutting_down:
      break;
  }
  tell_cloud_state(false, false);
  back_off(now, "the cloud ended the connection: " + closing.reason);
}

}  // namespace titan::uplink
