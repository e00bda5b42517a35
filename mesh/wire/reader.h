// Turns the fields of a parsed wire message into core values and keeps the first fault it meets.
// A fault never stops a reader half-way with wild data: values read after it are defaults, and
// finish() answers with the fault.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "crdt/version_vector.h"

namespace titan::mesh::wire {

class Reader {
 public:
  void fail(const char* field, const std::string& what, ErrorCode code = ErrorCode::corrupt) {
    if (!error_) error_ = make_error(code, std::string(field) + " " + what, field);
  }
  bool failed() const { return error_.has_value(); }

  // Exactly Id::size bytes; not all zero, which is never drawn.
  template <class Id>
  Id required(const std::string& raw, const char* field) {
    const Id id = sized<Id>(raw, field);
    if (!failed() && id.is_none()) fail(field, "is all zero, which names nothing");
    return id;
  }
  // Empty: none.
  template <class Id>
  Id optional(const std::string& raw, const char* field) {
    return raw.empty() ? Id{} : sized<Id>(raw, field);
  }
  // Exactly Id::size bytes, whatever they are (hashes, signatures, keys).
  template <class Id>
  Id sized(const std::string& raw, const char* field) {
    const auto id = Id::from_bytes(raw);
    if (id) return *id;
    fail(field,
         "has " + std::to_string(raw.size()) + " bytes instead of " + std::to_string(Id::size));
    return {};
  }

  crdt::ContentSum content(const std::string& raw, const char* field) {
    const auto bytes = sized<FixedBytes<struct ContentTag, 16>>(raw, field);
    return crdt::ContentSum::from_bytes(bytes.bytes);
  }

  // Microseconds that fit a Duration with room to add.
  Duration duration(std::uint64_t microseconds, const char* field) {
    if (microseconds > duration_us_max) {
      fail(field, "is longer than any time that can pass");
      return {};
    }
    return Duration(static_cast<std::int64_t>(microseconds));
  }

  // One of 0 .. last; a greater number comes from a newer version.
  template <class Enum>
  Enum choice(std::uint32_t value, Enum last, const char* field) {
    if (value > static_cast<std::uint32_t>(last)) {
      fail(field, "has the value " + std::to_string(value) + ", which this version does not know",
           ErrorCode::unsupported);
      return {};
    }
    return static_cast<Enum>(value);
  }

  std::size_t within(std::size_t count, std::size_t count_max, const char* field) {
    if (count > count_max) {
      fail(field,
           "has " + std::to_string(count) + " items, at most " + std::to_string(count_max) +
               " are allowed",
           ErrorCode::too_large);
      return 0;
    }
    return count;
  }

  template <class T>
  Result<T> finish(T value) {
    if (error_) return std::move(*error_);
    return value;
  }

 private:
  static constexpr std::uint64_t duration_us_max = std::uint64_t{1} << 52;  // 142 years

  std::optional<Error> error_;
};

}  // namespace titan::mesh::wire
