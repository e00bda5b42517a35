// Why a link ended.
#pragma once

namespace titan::mesh {

// refused: the peer took back its acceptance. closed: the connection ended, or hang_up().
// timed_out: the peer stopped answering our hellos. A connection whose data nobody acknowledged
// ends as `closed` too: libzmq does not tell the two apart.
enum class LinkDown { refused, closed, timed_out };
const char* to_string(LinkDown reason);

}  // namespace titan::mesh
