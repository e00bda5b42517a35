// On how many disks an entry is, as far as a terminal knows.
#pragma once

#include <cstdint>

namespace titan::mesh {

// A member that is not here may be switched off or destroyed: nobody can tell, so it is told apart.
// One whose name a member that is here bears was replaced, and counts for nothing.
struct Copies {
  std::uint32_t here = 0;  // this terminal and members that are alive or suspect
  std::uint32_t away = 0;  // devices that held it when they were heard of last

  bool operator==(const Copies&) const = default;
};

}  // namespace titan::mesh
