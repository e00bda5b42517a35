// Whether the machine's zone data is older than a change of the law that concerns the store.
//
// A till with old data is an hour wrong after such a change, and nothing else tells. The list names
// changes that this version of the software knows of; it cannot know later ones.
#pragma once

#include <optional>
#include <string>

#include "pos-node/domain/business_day.h"

namespace titan::pos {

// "2025b", as the tz database on this machine calls itself; empty if it does not say.
std::string zone_data_version();

// What is out of date, and what to do; nothing if nothing is known to be.
std::optional<std::string> zone_data_complaint(const StoreCalendar& calendar);

}  // namespace titan::pos
