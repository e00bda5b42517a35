// The words of `titan-pos sell` as lines of a sale. Pure.
//
//   85123A            one            85123A x2, 85123A 2x, 85123A x 2    two of the article before
//   85123Ax2          two            85123A@2.50, 85123Ax2@2.50, 85123A x2 @2.50    at that price
//
// An article may itself be called "BOX2" or "x2": whoever knows the product table decides on
// `embedded` and `between`. What --sku names is an article whatever it looks like.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace titan::pos {

struct SaleWord {
  std::string sku;
  std::string quantity;  // empty: not stated
  std::string price;     // empty: the article's own
  // The sku "85123Ax2" read as article and quantity; the quantity is empty if it cannot be.
  std::string embedded_sku;
  std::string embedded_quantity;
  std::string between;  // the word that was taken for this article's quantity, such as "x2"
};

Result<std::vector<SaleWord>> read_sale_words(const std::vector<std::string>& words);

// Articles named by --sku, each with its --quantity: as many of these as articles, or none.
Result<std::vector<SaleWord>> read_plain_articles(const std::vector<std::string>& skus,
                                                  const std::vector<std::string>& quantities);

}  // namespace titan::pos
