// The command line of titan-pos: `run` starts the daemon, everything else speaks to a running one
// over its API, as a till screen would.
#pragma once

#include <functional>

#include "pos-node/config.h"

namespace titan::pos {

// Exit codes: 0 done, 1 failed at run time, 2 wrong usage or configuration.
int run_command_line(int argc, const char* const* argv,
                     const std::function<int(const Config&)>& run);

}  // namespace titan::pos
