// A run as a file: JSON lines, one observation each, after a first line that names format, version,
// scenario and seed. Any executor writes it; checkers and report judge it later.
//
// An entry is written whole where it first appears, and by its hash from then on.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <set>
#include <string>

#include "base/result.h"
#include "simulations/history/observation.h"

namespace titan::simulations {

inline constexpr std::string_view history_format = "titan-history";
inline constexpr std::int64_t history_version = 1;
inline constexpr std::size_t history_line_bytes_max = 64 * 1024 * 1024;

struct HistoryHead {
  std::string scenario;
  std::uint64_t seed = 0;
};

// Not thread-safe; `out` outlives it. Whether all was written, the stream says.
class HistoryWriter : public Observer {
 public:
  HistoryWriter(std::ostream& out, const HistoryHead& head);
  void on_observed(const Observed& observed) override;

 private:
  std::ostream& out_;
  std::set<Hash> written_;
};

// Hands every observation to `observer`, in the order of the file. A line that is wrong ends the
// reading: NAME:LINE: reason.
Result<HistoryHead> read_history(std::istream& in, const std::string& name, Observer& observer);
Result<HistoryHead> read_history_file(const std::string& path, Observer& observer);

}  // namespace titan::simulations
