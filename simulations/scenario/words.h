// How a scenario file spells values: durations ("1m30s", "200ms"), shares ("2%", "1/3"), targets
// ("till-1", "leader"), and what was probably meant by a name that is unknown.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulations/scenario/scenario.h"

namespace titan::simulations {

// "10s", "1m30s", "1.5s", "200ms", "130us", "-2h"; nothing if it is none of these or too long.
std::optional<Duration> parse_duration(std::string_view text);
// The shortest spelling: parse_duration() of it gives the same.
std::string duration_text(Duration duration);

// "2%", "0.5%", "1/3", "5"; nothing if it is none of these.
std::optional<Ratio> parse_ratio(std::string_view text);
std::string ratio_text(const Ratio& ratio);  // "5", "2%" or "1/3"

Target parse_target(std::string_view text);
std::string target_text(const Target& target);

bool same_ratio(const Ratio& a, const Ratio& b);
bool same_quality(const LinkQuality& a, const LinkQuality& b);

// Of `known` the name nearest to `wrong`, if it is near enough to be a slip of the pen.
std::optional<std::string> nearest(std::string_view wrong,
                                   const std::vector<std::string_view>& known);
// "; did you mean 'targets'?", or nothing.
std::string did_you_mean(std::string_view wrong, const std::vector<std::string_view>& known);

}  // namespace titan::simulations
