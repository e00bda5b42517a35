// Which products of a former system's file are taken in (docs/V01.md): those that are not here. An
// article that is here, be it from head office, from another till's file or changed by somebody
// since, stays as it is unless the person who moves in says otherwise.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pos-node/api/move_in_notes.h"
#include "pos-node/json/json_writer.h"

namespace titan::pos {

// Articles that an answer names with their differences; all are counted.
inline constexpr std::size_t differing_products_max = 1000;

// A product that stays as it is here, and what the file says otherwise.
struct DifferingProduct {
  struct Field {
    std::string name;  // as in GET /v1/products
    std::string here;
    std::string listed;
  };
  std::string sku;
  std::vector<Field> fields;
};

// Whether the listed product, which is `here` and differs, replaces it. What this move-in changed
// before, as its note has it, and somebody changed since is never replaced, so a repeat is
// harmless. An article that is out of the range here and the same otherwise comes back: an undo
// left it so.
bool replaces_product(const MoveInNote& note, const Product& here, const Product& listed,
                      bool overwrites);

DifferingProduct difference_of(const Product& here, const Product& listed);
void write_differing(JsonWriter& writer, const std::vector<DifferingProduct>& products);

}  // namespace titan::pos
