#include "retail/csv.h"

#include <algorithm>

namespace titan::retail {

Error CsvReader::fault(const std::string& what) const {
  return make_error(
      ErrorCode::invalid,
      "Line " + std::to_string(line_) + ", column " + std::to_string(column_) + ": " + what,
      "line " + std::to_string(line_));
}

void CsvReader::advance(std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) {
    if (rest_[i] == '\n') {
      ++line_;
      column_ = 1;
    } else {
      ++column_;
    }
  }
  rest_.remove_prefix(bytes);
}

bool CsvReader::at_end_of_field() const {
  return rest_.empty() || rest_.front() == separator_ || rest_.front() == '\n' ||
         rest_.front() == '\r';
}

Status CsvReader::read_quoted(std::string& field) {
  const Error unclosed = fault("the quote \" that opens here is never closed");
  advance(1);
  for (;;) {
    const std::size_t quote = rest_.find('"');
    if (quote == std::string_view::npos) return unclosed;
    field += rest_.substr(0, quote);
    advance(quote + 1);
    if (rest_.empty() || rest_.front() != '"') break;
    field += '"';
    advance(1);
  }
  if (!at_end_of_field()) {
    return fault(
        "after the closing quote a separator or the end of the line is expected; a quote "
        "inside a field is written \"\"");
  }
  return {};
}

Status CsvReader::read_plain(std::string& field) {
  if (rest_.starts_with("=\"")) {
    field += '=';
    advance(1);
    field += '"';
    if (const auto done = read_quoted(field); !done) return done.error();
    field += '"';
    return {};
  }
  const char stops[] = {separator_, '\r', '\n', '"'};
  const std::size_t end =
      std::min(rest_.find_first_of(std::string_view(stops, sizeof stops)), rest_.size());
  field += rest_.substr(0, end);
  advance(end);
  if (!rest_.empty() && rest_.front() == '"') {
    return fault(
        "a quote \" inside a field that does not begin with one; put the whole field in "
        "quotes and double the inner one");
  }
  return {};
}

Result<bool> CsvReader::next(CsvRow& row) {
  row.fields.clear();
  while (!rest_.empty() && (rest_.front() == '\n' || rest_.front() == '\r')) advance(1);
  if (rest_.empty()) return false;
  row.line = line_;
  for (;;) {
    if (row.fields.size() == csv_columns_max) {
      return fault("more than " + std::to_string(csv_columns_max) + " columns");
    }
    std::string& field = row.fields.emplace_back();
    const bool quoted = !rest_.empty() && rest_.front() == '"';
    if (const auto done = quoted ? read_quoted(field) : read_plain(field); !done) {
      return done.error();
    }
    if (rest_.empty() || rest_.front() != separator_) break;
    advance(1);
  }
  if (rest_.starts_with("\r\n")) {
    advance(2);
  } else if (!rest_.empty() && rest_.front() == '\r') {
    return fault("a carriage return inside a line; lines end with LF or CRLF");
  } else if (!rest_.empty()) {
    advance(1);
  }
  return true;
}

}  // namespace titan::retail
