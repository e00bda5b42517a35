// Builds the VALUES part of one multi-row INSERT, so that a whole batch is one round trip.
//
// Every value is quoted here; callers never paste text into SQL. Relies on
// standard_conforming_strings, which open_connection() switches on. PostgreSQL's text cannot hold
// NUL; it becomes U+2400 (the picture of it).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace titan::uplink {

std::string sql_text(std::string_view text);
std::string sql_bytes(BytesView bytes);
std::string sql_texts(const std::vector<std::string>& texts);  // text[]
// yyyymmdd; it must be a real date.
std::string sql_date(std::uint32_t date);

class SqlRows {
 public:
  SqlRows& begin_row() {
    sql_ += sql_.empty() ? "(" : ",(";
    first_ = true;
    ++rows_;
    return *this;
  }
  void end_row() { sql_ += ')'; }

  SqlRows& text(std::string_view value) { return raw(sql_text(value)); }
  SqlRows& texts(const std::vector<std::string>& values) { return raw(sql_texts(values)); }
  SqlRows& bytes(BytesView value) { return raw(sql_bytes(value)); }
  SqlRows& date(std::uint32_t value) { return raw(sql_date(value)); }
  SqlRows& boolean(bool value) { return raw(value ? "true" : "false"); }
  SqlRows& null() { return raw("NULL"); }
  template <class Integer>
  SqlRows& number(Integer value) {
    return raw(std::to_string(value));
  }
  // Only for what is no input: a function call, a cast.
  SqlRows& raw(std::string_view sql) {
    if (!first_) sql_ += ',';
    first_ = false;
    sql_ += sql;
    return *this;
  }

  bool empty() const { return rows_ == 0; }
  const std::string& sql() const { return sql_; }

 private:
  std::string sql_;
  std::size_t rows_ = 0;
  bool first_ = true;
};

}  // namespace titan::uplink
