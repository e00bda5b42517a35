#include "qa/bench/support/goods.h"

namespace titan::bench {
namespace wire = titan::entry::v1;
namespace {

constexpr std::int64_t price_minor = 255;
constexpr const char* currency = "GBP";
constexpr std::uint32_t exponent = 2;

// 20 % included: a sixth, rounded half up.
std::int64_t tax_of(std::int64_t total_minor) {
  return (total_minor + 3) / 6;
}

}  // namespace

wire::Line line_of(const std::string& sku, const std::string& description, int pieces) {
  const std::int64_t total = price_minor * pieces;
  wire::Line line;
  line.set_sku(sku);
  line.set_description(description);
  line.mutable_quantity()->set_value(pieces);
  line.mutable_charged_unit_price()->set_amount(price_minor);
  line.mutable_charged_unit_price()->set_exponent(exponent);
  line.set_tax_code("S");
  line.set_tax_rate_basis_points(2000);
  line.set_tax_minor(tax_of(total));
  line.set_total_minor(total);
  return line;
}

void set_list_price(wire::Line& line) {
  *line.mutable_list_unit_price() = line.charged_unit_price();
}

wire::Sale open_sale() {
  wire::Sale sale;
  sale.set_currency(currency);
  sale.set_exponent(exponent);
  sale.set_cashier("c-07");
  return sale;
}

void add_totals(wire::Sale& sale) {
  std::int64_t total = 0;
  std::int64_t tax = 0;
  for (const wire::Line& line : sale.lines()) {
    total += line.total_minor();
    tax += line.tax_minor();
  }
  sale.set_total_minor(total);
  sale.set_tax_minor(tax);
}

void pay_in_cash(wire::Sale& sale) {
  wire::Payment& payment = *sale.add_payments();
  payment.set_method("cash");
  payment.set_currency(currency);
  payment.set_exponent(exponent);
  payment.set_amount_minor(sale.total_minor());
}

wire::Product product_of(const std::string& sku, const std::string& description,
                         std::uint64_t number, std::int64_t price) {
  wire::Product product;
  product.set_sku(sku);
  product.set_description(description);
  product.add_gtins(std::to_string(5'000'000'000'000 + number));
  product.mutable_price()->set_amount(price);
  product.mutable_price()->set_exponent(exponent);
  product.set_currency(currency);
  product.set_tax_code("S");
  return product;
}

}  // namespace titan::bench
