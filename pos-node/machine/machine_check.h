// Whether this machine can run a till with a configuration: what `check` says beyond the files
// themselves. Looks, and makes nothing.
#pragma once

#include <string>
#include <vector>

#include "pos-node/config/config.h"

namespace titan::pos {

// Each is a sentence for whoever set the till up: what, where, and what to do.
struct MachineReport {
  std::vector<std::string> problems;  // with them the till does not start
  std::vector<std::string> warnings;  // it starts, and lacks something
};

MachineReport check_machine(const Config& config);

}  // namespace titan::pos
