// The command line of titan-pos: `run` starts the daemon, `unsent` looks into the data folder of
// one that is stopped, everything else speaks to a running one over its API, as a till screen
// would.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "pos-node/config/config.h"
#include "pos-node/machine/machine_check.h"

namespace titan::pos {

// What the daemon's side of the program does; the first two answer with the exit code.
struct HostCommands {
  std::function<int(const Config&)> run;
  std::function<int(const Config&)> unsent;
  std::function<MachineReport(const Config&)> check_machine;
  // Where the running terminal's API answers, whatever its configuration says by now.
  std::function<std::optional<std::string>(const Config&)> api_address;
};

// Exit codes: 0 done, 1 failed at run time, 2 wrong usage or configuration.
int run_command_line(int argc, const char* const* argv, const HostCommands& host);

}  // namespace titan::pos
