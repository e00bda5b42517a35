// What the cloud holds of the store, by its signed watermark: taken, kept and passed on.
#include <algorithm>
#include <string>
#include <utility>

#include "base/overloaded.h"
#include "mesh/node/node.h"
#include "mesh/replication/uploads.h"
#include "mesh/watermark/telling.h"

namespace titan::mesh {
namespace {

// Watermarks are signed many times a second under load; few of them are stored and passed on.
constexpr Duration watermark_interval = milliseconds(250);
// For one slice, and for all of them. Falls: a slow peer is given up; rises: one that is silent, or
// never comes to an end, keeps others from being asked.
constexpr Duration slice_timeout = seconds(10);
constexpr Duration slices_timeout = seconds(120);
// So long others are asked first.
constexpr Duration passed_over_for = seconds(5);
// One peer may ask for so many in so long: twice what a newcomer needs at 200,000 journals. What
// goes beyond is not answered.
constexpr std::uint32_t slices_served_max = 200;
constexpr Duration slices_served_window = seconds(5);

}  // namespace

// One that does not fit its signature (a damaged page, another cloud in the settings) is as good as
// none: it is told again.
void Node::restore_watermark(const std::optional<StoredWatermark>& stored) {
  if (!stored) return;
  const auto outcome = watermark_.take(*stored, index_.stored());
  if (outcome != WatermarkFollower::Outcome::taken) return;
  watermark_told_ = watermark_.known().held;
  anti_entropy_.set_watermark(watermark_.known().place());
}

void Node::on_watermark(Now now, const HeldByCloud& held) {
  begin(now);
  note_watermark(watermark_.take(held), held.watermark);
  finish(now);
}

// Lost: the next one says more, and a comparison shows who knows a lower one (WatermarkLacking).
void Node::on_watermark_update(Now now, const ProcessId& from, const WatermarkUpdate& update) {
  const auto outcome = watermark_.take(update);
  note_watermark(outcome, update.watermark);
  if (outcome != WatermarkFollower::Outcome::unknown_base) return;
  if (watermark_source_) {
    if (now.mono < std::min(watermark_source_->next_by, watermark_source_->all_by)) return;
    pass_over_watermark_source(now);
  }
  const auto passed_over = watermark_passed_over_.find(from);
  const bool is_passed_over =
      passed_over != watermark_passed_over_.end() && now.mono < passed_over->second;
  if (is_passed_over || !links_.contains(from)) return;
  watermark_source_ = {from, now.mono + slice_timeout, now.mono + slices_timeout};
  send(from, watermark_.catch_up());
}

void Node::pass_over_watermark_source(Now now) {
  watermark_passed_over_[watermark_source_->peer] = now.mono + passed_over_for;
  watermark_source_.reset();
  watermark_.give_up();
}

// Whoever asks is told; lost: it asks again once it hears of a higher one.
void Node::on_watermark_request(Now now, const ProcessId& from, const WatermarkRequest& request) {
  const HeldByCloud& known = watermark_.known();
  if (!known.is_known() || !links_.contains(from)) return;
  SlicesServed& served = slices_served_[from];
  if (now.mono >= served.since + slices_served_window) served = {now.mono, 0};
  if (++served.slices > slices_served_max) return;
  send(from, slice_for(request, known.watermark, known.held));
}

// Lost: after slice_timeout the next word of a higher watermark begins anew.
void Node::on_watermark_slice(Now now, const ProcessId& from, const WatermarkSlice& slice) {
  if (!watermark_source_ || watermark_source_->peer != from) return;
  if (now.mono >= watermark_source_->all_by) return pass_over_watermark_source(now);
  std::visit(Overloaded{
                 [&](const WatermarkRequest& next) {
                   watermark_source_->next_by = now.mono + slice_timeout;
                   send(from, next);
                 },
                 [&](WatermarkFollower::Outcome outcome) {
                   if (outcome == WatermarkFollower::Outcome::ignored) return;
                   const bool is_taken = outcome == WatermarkFollower::Outcome::taken;
                   if (!is_taken) pass_over_watermark_source(now);
                   watermark_source_.reset();
                   note_watermark(outcome, slice.watermark);
                 },
             },
             watermark_.take(slice));
}

void Node::note_watermark(WatermarkFollower::Outcome outcome, const Watermark& watermark) {
  if (outcome == WatermarkFollower::Outcome::taken) {
    anti_entropy_.set_watermark(watermark_.known().place());
    watermark_due_ = true;
  }
  const bool is_forged = outcome == WatermarkFollower::Outcome::refused &&
                         !config_.cloud_key.is_none() && watermark.cloud_key == config_.cloud_key;
  if (is_forged) {
    emit(Alarm{"bad_signature",
               "somebody told of what head office holds what head office did not sign for this "
               "store; it was ignored"});
  }
}

// Who holds the same takes it, who does not asks.
void Node::announce_watermark(const ProcessId& to) {
  const HeldByCloud& known = watermark_.known();
  if (known.is_known()) send(to, announcement(known.watermark, known.held));
}

void Node::forget_stored_watermark() {
  watermark_told_.reset();
  watermark_due_ = watermark_.known().is_known();
}

// By the leader only, which has it first: the others would tell each other what all have heard.
void Node::pass_on_watermark(Now now) {
  if (!watermark_due_ || now.mono < watermark_next_ || !disk_.takes_writes()) return;
  watermark_due_ = false;
  watermark_next_ = now.mono + watermark_interval;
  const HeldByCloud& known = watermark_.known();
  const bool is_whole = !watermark_told_;
  const crdt::VersionVector before = is_whole ? crdt::VersionVector() : watermark_told_->vector();
  store_request().watermark = {known.watermark, is_whole, difference(before, known.held.vector())};
  if (is_leader()) {
    send_to_all(is_whole ? announcement(known.watermark, known.held)
                         : update_from(*watermark_told_, known.watermark, known.held));
  }
  watermark_told_ = known.held;
  emit(WatermarkMoved{known.statement.sequence, pending_uploads()});
}

std::uint64_t Node::pending_uploads() const {
  return mesh::pending_uploads(index_.stored(), held_by_cloud().held.vector(), cloud_);
}

}  // namespace titan::mesh
