// What the cloud holds, as it tells on the connection. Uploads and the fetching of lost entries
// begin once that is known: until then nobody could say what is lacking on either side.
#include <variant>

#include "base/overloaded.h"
#include "uplink/upload_session.h"

namespace titan::uplink {

using Outcome = mesh::WatermarkFollower::Outcome;

// While slices are awaited, updates begin at what is not known here yet; the last slice is newer.
void UploadSession::take_watermark(Now now, const mesh::WatermarkUpdate& update) {
  if (watermark_.is_catching_up()) return;
  const crdt::VersionVector before = watermark_.known().held.vector();
  const Outcome outcome = watermark_.take(update);
  if (outcome == Outcome::unknown_base) return ask_for_slice(now, watermark_.catch_up());
  on_watermark(now, outcome, before);
}

// Lost: the connection ends at the deadline, and the next one begins with the cloud's word anew.
void UploadSession::ask_for_slice(Now now, const mesh::WatermarkRequest& request) {
  slice_deadline_ = now.mono + config_.accept_timeout;
  send(request);
}

void UploadSession::on_slice(Now now, const mesh::WatermarkSlice& slice) {
  if (!watermark_.is_catching_up()) return;
  const crdt::VersionVector before = watermark_.known().held.vector();
  std::visit(Overloaded{
                 [&](const mesh::WatermarkRequest& next) { ask_for_slice(now, next); },
                 [&](Outcome outcome) {
                   if (outcome == Outcome::ignored) return;
                   slice_deadline_ = MonoTime::never();
                   on_watermark(now, outcome, before);
                 },
             },
             watermark_.take(slice));
}

// `before`: what was known to be held until now.
void UploadSession::on_watermark(Now now, Outcome outcome, const crdt::VersionVector& before) {
  if (outcome == Outcome::refused) {
    drop_connection(now, "a watermark that the cloud did not sign");
    tell_cloud_state(false, false);
    back_off(now,
             "the cloud does not keep to the protocol: it says that it holds what it did not "
             "sign for this store");
    return;
  }
  if (outcome != Outcome::taken) return;
  effects_.push_back(CloudWatermark{watermark_.known()});
  if (knows_held_) return note_lacking(now, before);
  knows_held_ = true;
  failed_attempts_ = 0;
  window_.on_connected(watermark_.known().held.vector(), accepted_->batch_entries_max,
                       accepted_->batch_bytes_max, accepted_->window_batches);
  note_lacking(now, window_.stored());
}

}  // namespace titan::uplink
