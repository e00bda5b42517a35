#include "pos-node/domain/article.h"

#include <algorithm>

#include "pos-node/domain/sale_rules.h"
#include "retail/gtin.h"
#include "retail/text.h"

namespace titan::pos {

Result<Article> find_article(const std::string& sku, const std::string& code, Catalogue& catalogue,
                             const std::string& place) {
  if (sku.empty() && code.empty()) {
    return make_error(ErrorCode::invalid, "A line needs a sku or a gtin.", place + "sku");
  }
  auto found = sku.empty() ? catalogue.product_by_gtin(code) : catalogue.product(sku);
  if (!found) return found.error();
  Article article;
  article.product = std::move(*found);
  article.sku = !sku.empty() ? sku : article.product ? article.product->sku() : code;
  article.gtin = code;
  if (const auto fault = sku_fault(article.sku)) {
    return make_error(ErrorCode::invalid,
                      "The barcode cannot stand for a sku: it " + *fault + ". Send the sku.",
                      place + "gtin");
  }
  if (!code.empty()) {
    const GtinFault fault = check_gtin(code);
    if (fault != GtinFault::none) article.flags.emplace_back(gtin_flag(fault));
    if (article.product && !sku.empty()) {
      const auto& known = article.product->gtins();
      if (std::find(known.begin(), known.end(), code) == known.end()) {
        auto other = catalogue.product_by_gtin(code);
        if (!other) return other.error();
        if (*other && (*other)->sku() != sku) {
          article.flags.emplace_back(flag::gtin_of_other_product);
        }
      }
    }
  }
  if (!article.product) article.flags.emplace_back(flag::unknown_product);
  if (article.product && article.product->delisted()) article.flags.emplace_back(flag::delisted);
  return article;
}

}  // namespace titan::pos
