// What the program tells whoever started it.
#pragma once

namespace titan::pos {

inline constexpr int exit_done = 0;    // of the daemon: it ended politely
inline constexpr int exit_failed = 1;  // at run time
// Wrong usage, or a configuration that does not fit this machine (port taken, folder of another
// store ...).
inline constexpr int exit_usage = 2;

}  // namespace titan::pos
