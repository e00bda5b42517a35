// RFC 4180 with the place of each field: a separator, quotes doubled inside quotes, LF or CRLF.
// Beyond it: another separator than the comma, and ="0123" as spreadsheets write to keep a zero.
//
// A pull parser over a text that outlives it. Faults name line and column, both counted from 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace titan::retail {

inline constexpr std::size_t csv_columns_max = 100;

struct CsvRow {
  std::size_t line = 0;  // where it begins
  std::vector<std::string> fields;
};

class CsvReader {
 public:
  explicit CsvReader(std::string_view text, char separator = ',')
      : rest_(text), separator_(separator) {}

  // False at the end. Empty lines are skipped. `row` is reused.
  Result<bool> next(CsvRow& row);

 private:
  Status read_quoted(std::string& field);
  Status read_plain(std::string& field);
  void advance(std::size_t bytes);
  Error fault(const std::string& what) const;
  bool at_end_of_field() const;

  std::string_view rest_;
  char separator_;
  std::size_t line_ = 1;
  std::size_t column_ = 1;
};

}  // namespace titan::retail
