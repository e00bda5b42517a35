// Reads a JSON body strictly: every member must be known, of the right type and within its limits;
// the first fault is reported with its place ("lines[2].quantity"). A member that is null counts as
// absent.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "mesh/entry/entry.h"
#include "retail/money.h"

namespace titan::pos {

using namespace titan::retail;

namespace json = boost::json;

inline constexpr std::size_t json_depth_max = 16;

// The place in a body; rendered only when a fault is reported.
struct FieldPath {
  const FieldPath* parent = nullptr;
  std::string_view name;
  std::optional<std::size_t> index;

  std::string text() const;
};

class Problem {
 public:
  void report(const FieldPath& at, std::string message,
              ErrorCode code = ErrorCode::invalid);  // the first one stays
  bool found() const { return error_.has_value(); }
  Error take() { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

template <class Target>
struct Field {
  std::string_view name;
  void (*read)(Target& target, const json::value& value, const FieldPath& at, Problem& problem);
};

// Points at the first fault with line and column. `memory` holds the tree.
Result<json::value> parse_json(std::string_view text, json::storage_ptr memory);

void report_unknown(const FieldPath& at, const std::string& known, Problem& problem);

// A request whose fields are described by two tables: its own, and those of a part of it.
template <class Target, class Part>
void read_object(const json::value& value, std::span<const Field<Target>> fields, Target& target,
                 std::span<const Field<Part>> part_fields, Part& part, const FieldPath& at,
                 Problem& problem) {
  const json::object* object = value.if_object();
  if (!object) return problem.report(at, "must be an object {...}");
  const auto read = [&](auto& table, auto& into, const auto& member, const FieldPath& place) {
    for (const auto& field : table) {
      if (field.name != std::string_view(member.key())) continue;
      if (!member.value().is_null()) field.read(into, member.value(), place, problem);
      return true;
    }
    return false;
  };
  for (const auto& member : *object) {
    const FieldPath place{&at, std::string_view(member.key()), {}};
    if (!read(fields, target, member, place) && !read(part_fields, part, member, place)) {
      std::string known;
      for (const auto& field : fields) known += std::string(field.name) + ", ";
      for (const auto& field : part_fields) known += std::string(field.name) + ", ";
      known.resize(known.size() - 2);
      return report_unknown(place, known, problem);
    }
    if (problem.found()) return;
  }
}

template <class Target>
void read_object(const json::value& value, std::span<const Field<Target>> fields,
                 const FieldPath& at, Target& target, Problem& problem) {
  read_object<Target, Target>(value, fields, target, {}, target, at, problem);
}

template <class Target>
void read_list(const json::value& value, std::span<const Field<Target>> fields, const FieldPath& at,
               std::size_t items_max, std::vector<Target>& out, Problem& problem) {
  const json::array* array = value.if_array();
  if (!array) return problem.report(at, "must be a list [...]");
  if (array->size() > items_max) {
    return problem.report(at,
                          "has " + std::to_string(array->size()) + " items; at most " +
                              std::to_string(items_max) + " are allowed. Divide it.",
                          ErrorCode::too_large);
  }
  out.reserve(array->size());
  for (std::size_t i = 0; i < array->size(); ++i) {
    const FieldPath place{&at, {}, i};
    read_object(array->at(i), fields, place, out.emplace_back(), problem);
    if (problem.found()) return;
  }
}

// Each reports a fault and returns a default value then.
std::string read_text(const json::value& value, std::size_t characters_max, const FieldPath& at,
                      Problem& problem);
std::string read_scan_text(const json::value& value, const FieldPath& at, Problem& problem);
std::string read_sku(const json::value& value, const FieldPath& at, Problem& problem);
bool read_flag(const json::value& value, const FieldPath& at, Problem& problem);
std::uint32_t read_number(const json::value& value, std::uint32_t number_max, const FieldPath& at,
                          Problem& problem);
// A decimal text, or a JSON number with at most 15 digits, of which every one is kept.
Decimal read_decimal(const json::value& value, const FieldPath& at, Problem& problem,
                     std::uint32_t scale_max = decimal_scale_max);
std::uint32_t read_date(const json::value& value, const FieldPath& at, Problem& problem);
mesh::EntryId read_id(const json::value& value, const FieldPath& at, Problem& problem);

// BLAKE2b-256 of the request in canonical form: members sorted by name, null members left out, no
// blanks, texts and numbers by value. Key order and layout do not matter. Card numbers in a
// `reference` are masked first, for not even a hash of one may be kept.
Hash canonical_hash(std::string_view endpoint, const json::value& body);

}  // namespace titan::pos
