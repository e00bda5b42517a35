// How `titan-pos import-v01` is called.
#pragma once

#include <string>

namespace titan::pos {

struct MoveInCommand {
  std::string path;
  bool dry_run = false;
  bool undo = false;
  bool leave_out_faults = false;
  std::string report;  // a file for all faults; empty: none
};

}  // namespace titan::pos
