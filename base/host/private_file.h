// Files that hold secrets: whole or not there, for root and one service's group only.
#pragma once

#include <string>

#include "base/result.h"

namespace titan {

// Replaces the file at `path`. Owner and mode are root's and 0640 for `group` where root writes and
// there is such a group, else the writer's own and 0600. What the power cut leaves is the old file
// or the new one.
Status write_private_file(const std::string& path, const std::string& text,
                          const std::string& group);

}  // namespace titan
