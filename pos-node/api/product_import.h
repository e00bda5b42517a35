// A product list that is being taken in: what the steps of an import hand on to each other.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/entry/entry.h"
#include "pos-node/api/api.h"
#include "pos-node/api/move_in_notes.h"
#include "pos-node/api/move_in_products.h"
#include "retail/catalogue/product_list.h"

namespace titan::pos {

// Products of a list looked up in one turn of the loop, some 20 us each.
inline constexpr std::size_t products_a_turn = 200;

// An import in progress. Its list was read whole and found good. What it changes goes into one
// entry, or, if it is long, into a list unit: the parts count for nothing until the last entry is
// durable, so that a list is in force whole or not at all.
struct Api::Import {
  ProductList list;
  bool replaces = false;
  bool dry_run = false;             // compared and answered, nothing recorded
  std::optional<MoveInId> move_in;  // which notes what it changes before it does
  bool overwrites = false;          // a move-in replaces articles that are here and differ, too
  MoveInNote note;
  std::vector<DifferingProduct> differing;  // that stay as they are here; the first ones
  std::size_t kept = 0;                     // all of these
  AnswerCallback done;
  // Rows whose article cannot be told.
  std::unique_ptr<ListBuilder> refused = std::make_unique<ListBuilder>("");
  std::map<std::string_view, const ProductPatch*> by_sku;
  std::size_t next = 0;  // in list.products, of the step under way

  ListMode mode() const { return replaces ? ListMode::replace : ListMode::update; }
  Bytes changed_bytes;  // a serialised Products of what is new
  std::size_t changed = 0;
  std::size_t added = 0;  // of the changed: not there before
  std::size_t unchanged = 0;
  std::vector<std::pair<mesh::Kind, Bytes>> entries;  // kinds and bodies to be written
  std::size_t written = 0;
};

}  // namespace titan::pos
