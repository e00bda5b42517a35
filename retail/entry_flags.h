// Flags that follow from an entry's envelope: how far its time and its business date are to be
// believed. Derived, never stored, so that tills and cloud say the same of old entries, too.
//
// Pure.
#pragma once

#include <string_view>
#include <vector>

#include "mesh/entry/entry.h"

namespace titan::retail {

namespace flag {
// The clock went back within the journal: time and date are those of the record before.
inline constexpr std::string_view clock_held = "clock_held";
// The clock was before any possible time (a dead battery); the date is the latest one known.
inline constexpr std::string_view clock_implausible = "clock_implausible";
// Most of the other terminals showed another day.
inline constexpr std::string_view clock_contradicted = "clock_contradicted";
// The business date is days away from the day of the entry's own time.
inline constexpr std::string_view business_date_differs = "business_date_differs";
}  // namespace flag

std::vector<std::string_view> envelope_flags(const mesh::Envelope& envelope);

}  // namespace titan::retail
