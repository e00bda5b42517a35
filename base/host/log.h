// The log of a program: where its lines go and what they say beside their text.
//
// To a file where the configuration names one. Else to standard error; where systemd reads that, to
// the journal itself, so that each line carries its level and whose it is as fields:
//   journalctl -u titan-pos TITAN_STORE=london-1 -p warning
// The last lines are kept for a crash note as well (base/host/crash_note.h).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace titan {

struct LogSettings {
  std::string program;         // "titan-pos"
  std::string level = "info";  // trace, debug, info, warning, error
  std::string file;            // empty: standard error, or the journal behind it
  std::string time_format;     // of spdlog, for a file and standard error
  // Of each line in the journal: "TITAN_STORE" -> "london-1".
  std::vector<std::pair<std::string, std::string>> fields;
};

// Makes spdlog's default logger. Once in the life of a program.
Status set_up_log(const LogSettings& settings);

}  // namespace titan
