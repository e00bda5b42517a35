// What benchmarks sell: the bodies of sales and products as a till writes them. A benchmark adds
// the fields of its own; how many there are decides how large its entries are.
#pragma once

#include <cstdint>
#include <string>

#include "proto/entry.pb.h"

namespace titan::bench {

inline constexpr int lines_per_sale = 5;

// So many pieces at 2.55 each, with their tax, without a code that was scanned.
entry::v1::Line line_of(const std::string& sku, const std::string& description, int pieces);
void set_list_price(entry::v1::Line& line);  // that at which it was sold

// A sale without lines; and what makes it whole when it has them: its totals, a payment.
entry::v1::Sale open_sale();
void add_totals(entry::v1::Sale& sale);
void pay_in_cash(entry::v1::Sale& sale);

// With a barcode by its number.
entry::v1::Product product_of(const std::string& sku, const std::string& description,
                              std::uint64_t number, std::int64_t price = 255);

}  // namespace titan::bench
