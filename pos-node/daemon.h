// The daemon: one terminal from start to polite end. The composition root.
#pragma once

#include "mesh/codec.h"
#include "pos-node/config.h"

namespace titan::pos {

// Runs until SIGTERM or SIGINT. Returns the process's exit code: 0 ended politely, 1 failed at run
// time, 2 the configuration does not fit this machine (port taken, folder of another store ...).
// `codec` is how this version writes and reads bytes.
int run_daemon(const Config& config, const mesh::Codec& codec);

}  // namespace titan::pos
