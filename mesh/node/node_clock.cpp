// The Node and its wall clock, which decides nothing but what entries say of time and date.
#include <cstdlib>

#include "mesh/node/node.h"

namespace titan::mesh {
namespace {

constexpr Duration ask_others_every = seconds(1);
// Beyond a day it is not the day that most of the others have.
constexpr std::int64_t contradicted_min_ms = 86'400'000;
constexpr std::size_t contradicting_min = 2;

}  // namespace

void Node::look_at_clock(Now now) {
  if (now.mono >= others_clock_next_) {
    others_clock_ = membership_.others_clock();
    others_clock_next_ = now.mono + ask_others_every;
  }
  const auto last = own_.last_time();
  const auto others =
      others_clock_ ? std::optional(others_clock_->at(now.mono)) : std::optional<WallTime>{};
  // A clock that was dead and lives again ends what was written without it, dates and all.
  const bool lives_again = last && !is_plausible(*last) && is_plausible(now.wall);
  if (clock_hold_.look(now, last, others) || lives_again) own_.leave_journal();
  for (ClockNotice& notice : clock_hold_.take_notices()) {
    emit(Alarm{std::move(notice.code), std::move(notice.message)});
  }
}

// What the draft would be with what is known here of the day; nothing if it may stay as it is.
std::optional<EntryDraft> Node::corrected(Now now, const EntryDraft& draft) const {
  if (draft.clock_quality == ClockQuality::implausible) {
    const std::uint32_t date = latest_date(dates_, cloud_);
    if (date <= draft.business_date) return std::nullopt;
    EntryDraft other = draft;
    other.business_date = date;
    return other;
  }
  if (!others_clock_ || others_clock_->agreeing < contradicting_min) return std::nullopt;
  const std::int64_t difference_ms = others_clock_->at(now.mono).utc_ms - draft.time.utc_ms;
  if (std::abs(difference_ms) <= contradicted_min_ms) return std::nullopt;
  EntryDraft other = draft;
  other.clock_quality = ClockQuality::contradicted;
  return other;
}

}  // namespace titan::mesh
