// What several sub-commands share: how a scenario is named, options with one meaning, files that
// are written, and how a wrong input is refused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "simulations/cli/run_judge.h"
#include "simulations/scenario/scenario.h"

namespace CLI {
class App;
}

namespace titan::simulations {

// On stderr. The exit code is exit_wrong_input.
int refuse(const std::string& message);

// A seed, that is nothing but digits, of a random scenario; or a scenario file.
Result<Scenario> scenario_of(const std::string& seed_or_file);
// The files of a folder that end in .toml, in the order of their names.
Result<std::vector<std::string>> scenario_files_in(const std::string& folder);
// A scenario's day file is looked for beside its own.
std::string folder_of(const std::string& file);

// False, and why on stderr, if not all of it could be written.
bool write_file(const std::string& path, const std::string& text);
std::string cannot_be_written(const std::string& path);

void add_report_options(CLI::App& command, ReportFiles& files);
void add_check_every_option(CLI::App& command, std::uint32_t& check_every);
void add_jobs_option(CLI::App& command, unsigned& jobs);
// Runs at a time: as asked, else one for each core.
unsigned jobs_to_run(unsigned asked);

}  // namespace titan::simulations
