// What of a v0.1 file does not fit, row by row, for the person who moves in.
//
// All are counted; the first ones are kept for the screen, and all go to the sink, if there is one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace titan::pos::v01 {

inline constexpr std::size_t faults_shown_max = 300;

struct Fault {
  std::string table;
  std::string row;     // its id, as the file has it
  std::string column;  // empty: the row as a whole
  std::string message;

  std::string text() const;
};

class Faults {
 public:
  using Sink = std::function<void(const Fault&)>;
  void set_sink(Sink sink) { sink_ = std::move(sink); }

  void add(Fault fault);
  std::uint64_t count() const { return count_; }
  const std::map<std::string, std::uint64_t>& by_table() const { return by_table_; }
  const std::vector<Fault>& shown() const { return shown_; }

 private:
  Sink sink_;
  std::uint64_t count_ = 0;
  std::map<std::string, std::uint64_t> by_table_;
  std::vector<Fault> shown_;
};

}  // namespace titan::pos::v01
