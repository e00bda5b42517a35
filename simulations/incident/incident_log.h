// What a terminal's log tells of an incident: the lines of titan-pos that say something about the
// store, read back. Plain data, no files.
//
// Times are as the log has them, in milliseconds, without a time zone: the logs of one store are
// taken to be of one zone, and of clocks that agree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace titan::simulations {

// One line of a log. Which members say something depends on `told`.
struct LogFact {
  enum class Told {
    started,
    journal_open,  // number: entries
    member,        // terminal, process, word: alive, suspect, dead, left
    leader,        // terminal; empty: nobody
    uplink,        // word: the state
    write_failed,
    reopened,
    alarm,        // word: the code
    stood_still,  // number: milliseconds
    leaving,
  };
  std::int64_t at_ms = 0;
  Told told = Told::started;
  std::string terminal;
  std::string process;
  std::string word;
  std::string text;
  std::uint64_t number = 0;
};

struct TerminalLog {
  std::string terminal;
  std::string store;           // with its tenant; empty: the log does not say
  std::string device;          // likewise
  std::vector<LogFact> facts;  // by time
};

// `name` is the file's: for errors, and the terminal's own name where the log does not tell it.
Result<TerminalLog> parse_log(std::string_view text, const std::string& name);

// "2026-11-22 18:52:21.530", seconds and milliseconds may be missing; nothing if it is no such
// time.
std::optional<std::int64_t> parse_log_time(std::string_view text);
std::string log_time_text(std::int64_t at_ms);

}  // namespace titan::simulations
