// The taking in of a product list: what it says of the articles that are here, and the entries that
// bring them into force.
//
// Loop thread only, in turns short enough for a sale between them; the list itself is read by a
// worker.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/entry/entry.h"
#include "pos-node/api/api_threads.h"
#include "pos-node/api/http.h"
#include "pos-node/api/move_in_notes.h"
#include "pos-node/api/move_in_products.h"
#include "pos-node/service/service.h"
#include "retail/catalogue/product_list.h"
#include "retail/catalogue/product_patch.h"

namespace titan::pos {

// Products of a list looked up in one turn of the loop, some 20 us each.
inline constexpr std::size_t products_a_turn = 200;
inline constexpr std::size_t imports_at_once_max = 1;

// An import in progress. Its list was read whole and found good. What it changes goes into one
// entry, or, if it is long, into a list unit: the parts count for nothing until the last entry is
// durable, so that a list is in force whole or not at all.
struct ProductImport {
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

using ImportPointer = std::shared_ptr<ProductImport>;

class ProductImports {
 public:
  ProductImports(Service& service, const ApiThreads& threads)
      : service_(service), threads_(threads) {}

  // The whole way, from the request's list to its answer.
  void begin(ApiRequest& request, const ImportPointer& import, AnswerCallback done);
  // The last part of it alone: what `import` changes is known. Its `done` is told what came of it.
  void record_changes(const ImportPointer& import);

 private:
  // In this order; each hands on to the next, or ends it all with finish().
  void find_articles(const ImportPointer& import);
  void found_articles(const ImportPointer& import);
  void compare(const ImportPointer& import);
  void record(const ImportPointer& import);
  void make_entries(const ImportPointer& import);
  void write(const ImportPointer& import);
  void answer(const ImportPointer& import);
  void finish(const ImportPointer& import, ApiAnswer answer);

  Result<std::vector<ProductPointer>> articles_of(const ProductPatch& patch);
  Status find_article_of(ProductImport& import, ProductPatch& patch);
  Status warn_of_shared_gtins(ProductImport& import, const ProductPatch& patch);

  Service& service_;
  const ApiThreads& threads_;
  std::size_t under_way_ = 0;  // at most imports_at_once_max, besides the rest of an undo
};

}  // namespace titan::pos
