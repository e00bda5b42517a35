#include "uplink/postgres/sql_values.h"

#include <cstdio>

#include "base/hex.h"

namespace titan::uplink {

std::string sql_text(std::string_view text) {
  std::string quoted = "'";
  quoted.reserve(text.size() + 2);
  for (const char c : text) {
    if (c == '\0') {
      quoted += "\xE2\x90\x80";
    } else {
      if (c == '\'') quoted += '\'';
      quoted += c;
    }
  }
  quoted += '\'';
  return quoted;
}

std::string sql_bytes(BytesView bytes) {
  return "'\\x" + to_hex(bytes) + "'::bytea";
}

std::string sql_texts(const std::vector<std::string>& texts) {
  std::string sql = "ARRAY[";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) sql += ',';
    sql += sql_text(texts[i]);
  }
  return sql + "]::text[]";
}

std::string sql_date(std::uint32_t date) {
  char text[40];
  std::snprintf(text, sizeof text, "'%04u-%02u-%02u'::date", date / 10000, date / 100 % 100,
                date % 100);
  return text;
}

}  // namespace titan::uplink
