// Values out of a row: those that pqxx does not read by itself.
#pragma once

#include <charconv>
#include <cstdint>
#include <pqxx/pqxx>
#include <string_view>

#include "base/bytes.h"

namespace titan::uplink {

inline Bytes bytes_from(const pqxx::field& field) {
  return pqxx::binarystring(field).str();
}

// None for what has another length.
template <class Id>
Id id_from(const pqxx::field& field) {
  return Id::from_bytes(bytes_from(field)).value_or(Id{});
}

// numeric(20): up to 2^64 - 1, which no signed type of PostgreSQL holds. 0 for what is no number.
inline std::uint64_t unsigned_from(const pqxx::field& field) {
  std::uint64_t value = 0;
  const std::string_view text = field.c_str();
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace titan::uplink
