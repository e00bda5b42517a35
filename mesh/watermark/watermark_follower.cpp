#include "mesh/watermark/watermark_follower.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "mesh/watermark/signing.h"
#include "mesh/watermark/telling.h"

namespace titan::mesh {
namespace {

// Of one catching up: each leaves only what moved during the one before it.
constexpr std::uint32_t rounds_max = 8;

crdt::VersionVector vector_of(const std::vector<DeviceJournals>& devices,
                              const crdt::VersionVector& like) {
  crdt::VersionVector vector = like;
  std::vector<JournalId> listed;
  for (const auto& [device, journals] : devices) {
    for (const auto& [journal, item] : journals) {
      listed.push_back(journal);
      const crdt::VectorItem* same = vector.find(journal);
      if (same == nullptr || !(*same == item)) vector.set(device, journal, item);
    }
  }
  if (vector.journal_count() == listed.size()) return vector;
  std::sort(listed.begin(), listed.end());
  for (const auto& [device, journals] : like.devices()) {
    for (const auto& [journal, item] : journals) {
      const bool is_listed = std::binary_search(listed.begin(), listed.end(), journal);
      if (!is_listed) vector.set(device, journal, {});
    }
  }
  return vector;
}

}  // namespace

WatermarkFollower::WatermarkFollower(const Codec& codec, std::string tenant, std::string store,
                                     const PublicKey& cloud_key)
    : codec_(codec), tenant_(std::move(tenant)), store_(std::move(store)), cloud_key_(cloud_key) {}

std::optional<WatermarkStatement> WatermarkFollower::read(const Watermark& watermark) const {
  if (cloud_key_.is_none() || watermark.cloud_key != cloud_key_) return std::nullopt;
  auto statement = codec_.decode_watermark_statement(watermark.statement);
  const bool is_ours = statement && statement->tenant == tenant_ && statement->store == store_;
  return is_ours ? std::optional(std::move(*statement)) : std::nullopt;
}

WatermarkFollower::Outcome WatermarkFollower::take(const Watermark& watermark,
                                                   const WatermarkStatement& statement,
                                                   crdt::RootedVector held) {
  assert(held.root() == statement.root);
  known_ = {watermark, statement, std::move(held)};
  return Outcome::taken;
}

WatermarkFollower::Outcome WatermarkFollower::take(const WatermarkUpdate& update) {
  const auto statement = read(update.watermark);
  if (!statement) return Outcome::refused;
  if (statement->place() <= known_.place()) return Outcome::not_newer;
  if (!watermark_verifies(update.watermark, cloud_key_)) return Outcome::refused;
  if (statement->root == known_.held.root()) {
    return take(update.watermark, *statement, known_.held);
  }
  if (update.base != known_.held.root() || update.changed.empty()) return Outcome::unknown_base;
  crdt::VersionVector vector = known_.held.vector();
  apply(update.changed, vector);
  crdt::RootedVector held = known_.held;
  held.become(std::move(vector));
  // It may have been made up by who passed it on: another one knows better.
  if (held.root() != statement->root) return Outcome::unknown_base;
  return take(update.watermark, *statement, std::move(held));
}

WatermarkFollower::Outcome WatermarkFollower::take(const StoredWatermark& stored,
                                                   const crdt::VersionVector& like) {
  const auto statement = read(stored.watermark);
  if (!statement || !watermark_verifies(stored.watermark, cloud_key_)) return Outcome::refused;
  crdt::RootedVector held(vector_of(stored.journals, like));
  if (held.root() != statement->root) return Outcome::refused;
  if (statement->place() <= known_.place()) return Outcome::not_newer;
  return take(stored.watermark, *statement, std::move(held));
}

WatermarkFollower::Outcome WatermarkFollower::take(const HeldByCloud& checked) {
  if (checked.place() <= known_.place()) return Outcome::not_newer;
  return take(checked.watermark, checked.statement, checked.held);
}

void WatermarkFollower::begin_at(crdt::RootedVector guess) {
  draft_.reset();
  known_ = {{}, {}, std::move(guess)};
}

// ---- catching up --------------------------------------------------------------------------------

WatermarkRequest WatermarkFollower::catch_up() {
  draft_ = Draft{known_.held};
  return ask_from(0);
}

WatermarkRequest WatermarkFollower::ask_from(crdt::Bucket first) {
  draft_->first = first;
  return {first, draft_->vector.digests(first)};
}

std::variant<WatermarkRequest, WatermarkFollower::Outcome> WatermarkFollower::take(
    const WatermarkSlice& slice) {
  if (!draft_) return Outcome::not_newer;
  if (slice.first != draft_->first) return Outcome::ignored;
  const auto statement = read(slice.watermark);
  if (statement && statement->place() <= known_.place()) {
    draft_.reset();
    return Outcome::not_newer;
  }
  if (!statement || !watermark_verifies(slice.watermark, cloud_key_) ||
      !is_bounded(slice, *statement) || !put_in_draft(slice)) {
    draft_.reset();
    return Outcome::refused;
  }
  if (slice.next != 0) return ask_from(slice.next);
  if (draft_->vector.root() != statement->root) {
    draft_->intervals = 0;
    if (++draft_->round < rounds_max) return ask_from(0);
    draft_.reset();
    return Outcome::refused;
  }
  crdt::RootedVector held = std::move(draft_->vector);
  draft_.reset();
  return take(slice.watermark, *statement, std::move(held));
}

// Each slice goes on behind the one before, and all of a round tell no more than the cloud says
// that it holds: an interval is a number at least.
bool WatermarkFollower::is_bounded(const WatermarkSlice& slice,
                                   const WatermarkStatement& statement) {
  crdt::Bucket behind = draft_->first;
  for (const crdt::Bucket bucket : slice.buckets) {
    if (bucket < behind || bucket >= crdt::bucket_count) return false;
    behind = bucket + 1;
  }
  const bool goes_on = !slice.buckets.empty() && slice.next >= behind;
  if (slice.next != 0 && (!goes_on || slice.next >= crdt::bucket_count)) return false;
  for (const auto& [device, journals] : slice.journals) {
    for (const auto& [journal, item] : journals) {
      draft_->intervals += item.stored.intervals().size();
    }
  }
  return draft_->intervals <= statement.entries;
}

// What the slice tells replaces all that the draft has in its buckets; journals outside them no
// honest answer holds.
bool WatermarkFollower::put_in_draft(const WatermarkSlice& slice) {
  crdt::VersionVector vector = draft_->vector.vector();
  for (const crdt::Bucket bucket : slice.buckets) {
    draft_->vector.each_in_bucket(
        bucket, [&](const DeviceId& device, const JournalId& journal, const crdt::VectorItem&) {
          vector.set(device, journal, {});
        });
  }
  for (const auto& [device, journals] : slice.journals) {
    for (const auto& [journal, item] : journals) {
      if (!std::binary_search(slice.buckets.begin(), slice.buckets.end(),
                              crdt::bucket_of(journal))) {
        return false;
      }
      vector.set(device, journal, item);
    }
  }
  draft_->vector.become(std::move(vector));
  return true;
}

}  // namespace titan::mesh
