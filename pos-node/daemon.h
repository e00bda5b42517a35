// The daemon: one terminal from start to polite end. The composition root.
#pragma once

#include "mesh/entry/codec.h"
#include "pos-node/config/config.h"

namespace titan::pos {

// Runs until SIGTERM or SIGINT; SIGHUP reads the configuration's files again. Returns the process's
// exit code (exit_codes.h). `codec` is how this version writes and reads bytes.
int run_daemon(const Config& config, const mesh::Codec& codec);

}  // namespace titan::pos
