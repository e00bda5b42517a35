// Rows of a Field table (json_reader.h) that read one member as it is:
// {"reason", text_into<&VoidRequest::reason, description_characters_max>}.
#pragma once

#include <type_traits>

#include "pos-node/json/json_reader.h"

namespace titan::pos {

template <auto member, std::size_t characters_max, class Target>
void text_into(Target& target, const json::value& value, const FieldPath& at, Problem& problem) {
  target.*member = read_text(value, characters_max, at, problem);
}

template <auto member, class Target>
void decimal_into(Target& target, const json::value& value, const FieldPath& at, Problem& problem) {
  target.*member = read_decimal(value, at, problem);
}

// `read`: read_flag, read_date, read_sku ..., or one of the table's own.
template <auto member, auto read, class Target>
void read_into(Target& target, const json::value& value, const FieldPath& at, Problem& problem) {
  target.*member = read(value, at, problem);
}

// `fields`: the table of the list's items.
template <auto member, const auto& fields, std::size_t items_max, class Target>
void list_into(Target& target, const json::value& value, const FieldPath& at, Problem& problem) {
  using Item = typename std::remove_reference_t<decltype(target.*member)>::value_type;
  read_list<Item>(value, fields, at, items_max, target.*member, problem);
}

}  // namespace titan::pos
