// The daemon: one terminal from start to polite end. The composition root.
#pragma once

#include "mesh/entry/codec.h"
#include "pos-node/config/config.h"

namespace titan::pos {

inline constexpr int exit_polite = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_unusable = 2;

// Runs until SIGTERM or SIGINT; SIGHUP reads the configuration's files again. Returns the process's
// exit code: 0 ended politely, 1 failed at run time, 2 the configuration does not fit this machine
// (port taken, folder of another store ...). `codec` is how this version writes and reads bytes.
int run_daemon(const Config& config, const mesh::Codec& codec);

// Prints how many entries (sales, refunds, deliveries ...) are on the disk of this terminal, which
// is stopped, and not in the cloud: what would be lost with its data folder, if no other till of
// the store has it. 0, 1 and 2 as above; nothing is made where there is no data folder.
int tell_unsent(const Config& config, const mesh::Codec& codec);

}  // namespace titan::pos
