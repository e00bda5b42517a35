// From the logs of an incident to a scenario that resembles it: who could not reach whom, who was
// not running or stood still, when the cloud was away, which disks failed.
//
// A guess: a log tells what a terminal noticed, a little after it happened, and never why. Each
// fault comes with the sentence that says what it was taken from, for the person who corrects it.
// Plain functions on plain data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "simulations/incident/incident_log.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

// Longer incidents are cut out of their logs with `from` and `to`.
inline constexpr Duration incident_lasts_max = std::chrono::hours(2);

struct IncidentOptions {
  std::optional<std::int64_t> from_ms;
  std::optional<std::int64_t> to_ms;
  Timing timing = Timing::wired;
  std::optional<Ratio> sales_per_second;  // none: from what journals grew by, if the logs tell
};

struct Incident {
  Scenario scenario;
  std::vector<std::string> reasons;  // of each fault in turn
  std::vector<std::string> notes;    // what is no fault, and what nothing explains
};

// Fails where the logs are of several stores, or of too long a time.
Result<Incident> guess_incident(std::vector<TerminalLog> logs, const IncidentOptions& options);

// The scenario's file, the reasons and notes as comments on top.
std::string incident_toml(const Incident& incident);

}  // namespace titan::simulations
