#include "retail/entry_flags.h"

#include <cstdlib>

#include "mesh/clock/clock_hold.h"
#include "mesh/clock/known_dates.h"

namespace titan::retail {

std::vector<std::string_view> envelope_flags(const mesh::Envelope& envelope) {
  using mesh::ClockQuality;
  std::vector<std::string_view> flags;
  const bool is_dead = envelope.clock_quality == ClockQuality::implausible;
  // A dead clock cannot show a plausible time: this one was held.
  const bool was_held = envelope.clock_quality == ClockQuality::held ||
                        (is_dead && mesh::is_plausible(envelope.time));
  if (was_held) flags.push_back(flag::clock_held);
  if (is_dead) flags.push_back(flag::clock_implausible);
  if (envelope.clock_quality == ClockQuality::contradicted) {
    flags.push_back(flag::clock_contradicted);
  }
  const std::uint32_t date = envelope.business_date;
  if (is_dead && !was_held) return flags;  // there is no day to differ from
  // A past sale has the day on which it was made, and the time of its move-in.
  if (envelope.kind == mesh::Kind::history) return flags;
  const bool differs = !mesh::is_calendar_date(date) ||
                       std::abs(mesh::days_between(mesh::date_of_clock(envelope), date)) >
                           mesh::business_date_days_max;
  if (differs) flags.push_back(flag::business_date_differs);
  return flags;
}

}  // namespace titan::retail
