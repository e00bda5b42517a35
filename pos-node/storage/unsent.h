// What would be lost with the data folder of a terminal that is stopped; the maintainer scripts of
// the package ask before a purge.
#pragma once

#include "mesh/entry/codec.h"
#include "pos-node/config/config.h"

namespace titan::pos {

// Prints how many entries (sales, refunds, deliveries ...) are on this disk and not in the cloud:
// what is lost with the folder if no other till of the store has it. Returns the program's exit
// code (pos-node/daemon.h): 0 or 1. Nothing is made where there is no data folder.
int tell_unsent(const Config& config, const mesh::Codec& codec);

}  // namespace titan::pos
