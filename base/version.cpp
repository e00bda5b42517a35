#include "base/version.h"

namespace titan {

const char* const program_version = TITAN_VERSION;

}  // namespace titan
