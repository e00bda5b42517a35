// The note of a move-in: every product that it changed, as it made it and as it was before.
//
// A note is a serialised titan.entry.v1.Products of pairs: the product as made, then as it was; one
// without a sku stands for "was not there". Of a product that is noted twice the first former value
// and the last made one hold, so that a move-in that goes on after an interruption forgets nothing.
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "pos-node/domain/catalogue.h"

namespace titan::pos {

struct NotedProduct {
  Product made;
  Product former;  // no sku: was not there

  bool was_there() const { return !former.sku().empty(); }
};

class MoveInNote {
 public:
  // corrupt: these bytes are no note.
  static Result<MoveInNote> parse(const Bytes& bytes);

  void add(const Product& made, const Product* former);
  const std::map<std::string, NotedProduct>& products() const { return products_; }
  Bytes serialised() const;

 private:
  std::map<std::string, NotedProduct> products_;
};

}  // namespace titan::pos
