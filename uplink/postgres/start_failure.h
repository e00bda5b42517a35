// Why a PostgreSQL ended while it started: whether its cluster is to blame, or the machine. Pure.
//
// A cluster that is to blame is set aside and made anew. What the machine lacks passes, and a new
// cluster would lack it, too: throwing away a good one then costs its content for nothing, which
// may be entries that this disk's journal has lost.
#pragma once

#include <string>

namespace titan::uplink {

// `state`: what waitpid() told; `said`: what it logged in this start, in English.
bool is_fault_of_cluster(int state, const std::string& said);

}  // namespace titan::uplink
