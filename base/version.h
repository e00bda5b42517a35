// The version of the programs, as their packages and their status say it.
#pragma once

namespace titan {

extern const char* const program_version;  // "0.1.0", from CMakeLists.txt

}  // namespace titan
