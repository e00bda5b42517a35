// Which article a line means: by sku, by what the scanner read, or both.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "pos-node/domain/catalogue.h"

namespace titan::pos {

struct Article {
  ProductPointer product;          // null: not in the product table
  std::string sku;                 // what the line is recorded under; of an unknown scan its code
  std::string gtin;                // as recorded; empty: nothing was scanned
  std::vector<std::string> flags;  // of the line
};

// `place` names the line in complaints: "lines[2].".
Result<Article> find_article(const std::string& sku, const std::string& code, Catalogue& catalogue,
                             const std::string& place);

}  // namespace titan::pos
