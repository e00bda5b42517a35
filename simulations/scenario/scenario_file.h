// Scenarios as files: TOML for people, JSON for other programs (the lab's executor).
//
// Every complaint about a file reads FILE:LINE: KEY: REASON, and all are given at once. A scenario
// that was read is valid. What a writer leaves out is the default, so a file says what is special.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

// Files of another version are refused; new keys with a default do not need a new version.
inline constexpr std::int64_t scenario_format = 1;
inline constexpr std::size_t scenario_bytes_max = 4 * 1024 * 1024;

// `name` stands in the complaints.
Result<Scenario> parse_scenario(std::string_view text, const std::string& name);
Result<Scenario> read_scenario(const std::string& path);

// parse_scenario() of it gives the same scenario.
std::string scenario_toml(const Scenario& scenario);
Status write_scenario(const Scenario& scenario, const std::string& path);

// Every value, also the defaults; times in microseconds under keys that end in _us, shares as
// [numerator, denominator].
std::string scenario_json(const Scenario& scenario);

}  // namespace titan::simulations
