// How `titan-pos import-v01` is called.
#pragma once

#include <string>

namespace titan::pos {

struct MoveInCommand {
  std::string path;
  bool dry_run = false;
  bool undo = false;
  bool leave_out_faults = false;
  bool overwrite_products = false;  // also those that are here and differ
  std::string report;               // a file for all faults; empty: none
};

}  // namespace titan::pos
