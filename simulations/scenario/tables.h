// The other lists of names that a scenario file may use, each with a sentence for the documents:
// hardware, probes, planted bugs, checkers. One place, so that file reader, random scenarios,
// checkers and documents cannot disagree.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "simulations/scenario/scenario.h"

namespace titan::simulations {

// What a terminal is made of, under a name.
struct HardwareRow {
  std::string_view name;
  std::string_view what;
  Duration commit_min;
  Duration commit_max;
  bool may_lead = true;
  std::uint32_t priority = 0;
  std::optional<LinkQuality> line;
};
const std::vector<HardwareRow>& hardware_table();
const HardwareRow* hardware(std::string_view name);
void apply(const HardwareRow& row, TerminalSpec& terminal);
// The profile that the terminal is made of, if it is one.
const HardwareRow* hardware_of(const TerminalSpec& terminal);

// A rare path. Most are found in the observations by ProbeFinder (history/probe_finder.h), the
// others are told by the executor.
struct NameRow {
  std::string_view name;
  std::string_view what;
};
const std::vector<NameRow>& probe_table();
const std::vector<NameRow>& checker_table();
const std::vector<NameRow>& planted_bug_table();  // in the order of PlantedBug, without none
bool is_probe(std::string_view name);
bool is_checker(std::string_view name);

}  // namespace titan::simulations
