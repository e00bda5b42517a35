// Which article a line means: by sku, by what the scanner read, or both. The one place where a scan
// becomes a product.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "pos-node/domain/catalogue.h"
#include "retail/scan/scan.h"

namespace titan::pos {

struct RuleContext;

struct Article {
  ProductPointer product;          // null: not in the product table
  std::string sku;                 // what the line is recorded under; of an unknown scan its code
  std::string gtin;                // the article's code as recorded; empty: nothing was scanned
  std::vector<std::string> flags;  // of the line
  // What the symbol said; its measure, pieces and price are gone where they are not this article's.
  Scan scan;
  bool keeps_symbol = false;  // it said more than the article's code

  void add_flag(std::string_view flag);
};

// Products that a scan can mean.
struct ScanMatches {
  struct Match {
    ProductPointer product;
    std::size_t candidate = 0;  // of the scan's
  };
  std::vector<Match> matches;  // those in the range first
  std::size_t in_range = 0;    // how many
};
// The first of the scan's candidates with a product in the range counts, else the first with a
// delisted one; equally likely candidates count together. All are looked up as barcodes first, then
// as skus.
Result<ScanMatches> match_scan(const Scan& scan, Catalogue& catalogue);

// `place` names the line in complaints: "lines[2].". `business_date` says what is expired.
Result<Article> find_article(const std::string& sku, const std::string& code,
                             const RuleContext& context, std::uint32_t business_date,
                             const std::string& place);

// For the line's record; nothing is set if the symbol said no more than the code.
void record_scan(const Article& article, titan::entry::v1::Line& out);

}  // namespace titan::pos
