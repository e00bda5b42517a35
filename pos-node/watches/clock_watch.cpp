#include "pos-node/watches/clock_watch.h"

#include <cstdlib>
#include <utility>

namespace titan::pos {
namespace {

constexpr const char* advice = "check its date and its time synchronisation";

std::string span_text(std::int64_t skew_ms) {
  const std::int64_t seconds = std::abs(skew_ms) / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  if (seconds < 172'800) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86'400) + " days";
}

}  // namespace

std::vector<std::string> ClockWatch::look(const std::vector<mesh::MemberView>& members) {
  std::vector<const mesh::MemberView*> differing;
  std::size_t measured = 0;
  std::size_t settled = 0;
  std::int64_t sum_ms = 0;
  for (const mesh::MemberView& view : members) {
    if (view.is_self || view.state != mesh::MemberState::alive || !view.clock_skew_ms) continue;
    ++measured;
    const std::int64_t skew_ms = *view.clock_skew_ms;
    if (std::abs(skew_ms) > clock_skew_alarm_ms) {
      differing.push_back(&view);
      sum_ms += skew_ms;
    } else if (std::abs(skew_ms) < clock_skew_settled_ms) {
      ++settled;
      told_.erase(view.member.process);
    }
  }
  std::vector<std::string> alarms;
  const bool own = differing.size() >= 2 && 2 * differing.size() > measured;
  if (own) {
    if (std::exchange(told_own_, true)) return alarms;
    const std::int64_t mean_ms = sum_ms / static_cast<std::int64_t>(differing.size());
    alarms.push_back("this terminal's clock is about " + span_text(mean_ms) +
                     (mean_ms > 0 ? " behind those of " : " ahead of those of ") +
                     std::to_string(differing.size()) + " other terminals; " + advice);
    return alarms;
  }
  if (settled == measured) told_own_ = false;
  for (const mesh::MemberView* view : differing) {
    if (!told_.insert(view->member.process).second) continue;
    alarms.push_back(
        "the clock of " + view->member.terminal + " is " + span_text(*view->clock_skew_ms) +
        (*view->clock_skew_ms > 0 ? " ahead of" : " behind") + " this terminal's; " + advice);
  }
  return alarms;
}

std::optional<std::string> ClockWatch::look_at_own(WallTime wall) {
  if (mesh::is_plausible(wall)) {
    told_dead_ = false;
    return std::nullopt;
  }
  if (std::exchange(told_dead_, true)) return std::nullopt;
  return "this terminal's clock shows " + mesh::utc_text(wall) +
         (wall < mesh::plausible_time_min ? ": its battery is probably dead"
                                          : ": it was probably set by mistake") +
         ". It sells, flagged clock_implausible, on the latest "
         "business date that it knows; " +
         advice;
}

}  // namespace titan::pos
