// What the cloud holds of the store, by its signed watermark: taken, kept and passed on.
#include <utility>

#include "mesh/entry/watermark.h"
#include "mesh/node/node.h"
#include "mesh/replication/uploads.h"

namespace titan::mesh {
namespace {

// Watermarks are signed many times a second under load; few of them are stored and passed on.
constexpr Duration watermark_interval = milliseconds(250);

}  // namespace

void Node::on_watermark(Now now, const Watermark& watermark) {
  begin(now);
  take_watermark(watermark);
  finish(now);
}

// It only ascends, and only by the word of the cloud whose key is configured, whoever brings it.
// Lost: the next one says more, and a comparison shows who knows a lower one (WatermarkLacking).
void Node::take_watermark(const Watermark& watermark) {
  if (config_.cloud_key.is_none() || watermark.cloud_key != config_.cloud_key) return;
  auto vector = codec_.decode_watermark_vector(watermark.vector_bytes);
  if (!vector || vector->tenant != config_.tenant || vector->store != config_.store) return;
  if (watermark_vector_ && vector->place() <= watermark_vector_->place()) return;
  if (!watermark_verifies(watermark, config_.cloud_key)) {
    emit(Alarm{"bad_signature", "a watermark with a wrong signature was ignored"});
    return;
  }
  watermark_ = watermark;
  in_cloud_ = held_by_cloud(*vector, index_.stored(), std::move(in_cloud_));
  watermark_vector_ = std::move(*vector);
  anti_entropy_.set_watermark(watermark_vector_->place());
  watermark_due_ = true;
}

// By the leader only, which has it first: the others would tell each other what all have heard.
void Node::pass_on_watermark(Now now) {
  if (!watermark_due_ || now.mono < watermark_next_ || !disk_.takes_writes()) return;
  watermark_due_ = false;
  watermark_next_ = now.mono + watermark_interval;
  store_request().watermark = watermark_;
  if (is_leader()) send_to_all(*watermark_);
  emit(WatermarkMoved{watermark_vector_->sequence, pending_uploads()});
}

std::uint64_t Node::pending_uploads() const {
  return mesh::pending_uploads(index_.stored(), in_cloud_, cloud_);
}

}  // namespace titan::mesh
