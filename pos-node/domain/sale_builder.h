// Builds the body and the stock effects of a sale or refund line by line. Used by the sale rules
// only; a builder serves one request.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pos-node/domain/label_line.h"
#include "pos-node/domain/sale_rules.h"
#include "retail/line_sums.h"

namespace titan::pos {

class SaleBuilder {
 public:
  // sale: a positive quantity leaves the stock; refund: it comes back.
  enum class Direction { sale, refund };

  SaleBuilder(const SaleRequest& request, const RuleContext& context, Direction direction);

  // Sale-wide facts first, then each line in order, then the sums and payments.
  Status begin();
  // `original`: the sold line that this one takes back, its prices being the default; or null.
  Status add_line(const LineRequest& requested, const titan::entry::v1::Line* original);
  Status finish();

  void add_flag(std::string_view flag);
  void add_line_flag(std::size_t line, std::string_view flag);

  titan::entry::v1::Sale& sale() { return sale_; }
  std::vector<crdt::StockEffect> take_effects();

 private:
  struct Prices {
    Decimal list;
    Decimal charged;
  };

  // The line as its scan and unit complete it; sku, code, scan and flags are put into `out`.
  Result<LineRead> resolve_product(const LineRequest& line, const titan::entry::v1::Line* original,
                                   titan::entry::v1::Line& out);
  std::uint32_t business_date() const;
  Result<Prices> resolve_prices(const LineRequest& line, const titan::entry::v1::Line* original,
                                const Product* product);
  Status set_quantity(const LineRequest& line, const Product* product, titan::entry::v1::Line& out);
  void set_tax_terms(const LineRequest& line, const titan::entry::v1::Line* original,
                     const Product* product, titan::entry::v1::Line& out);
  Result<std::int64_t> set_discounts(const LineRequest& line,
                                     const titan::entry::v1::Line* original,
                                     titan::entry::v1::Line& out);
  Status set_sums(const LineRequest& line, const Prices& prices, std::int64_t discounts_minor,
                  titan::entry::v1::Line& out);
  Status add_effect(const titan::entry::v1::Line& line);
  Status add_sale_discounts();
  Status add_rounding();
  Status check_stated_total();
  Status add_payments();
  // Both in minor units: what the payment is worth in the sale's currency, what was paid before.
  Result<std::int64_t> add_payment(const PaymentRequest& request, std::size_t index,
                                   std::int64_t paid_minor);
  Result<std::int64_t> payment_amount(const PaymentRequest& request,
                                      const titan::entry::v1::Payment& out, std::int64_t paid_minor,
                                      const std::string& field);
  Status settle_change(std::int64_t paid_minor, bool change_stated);

  std::string line_field(std::string_view member) const;  // "lines[2].sku"

  const SaleRequest& request_;
  const RuleContext& context_;
  Direction direction_;
  titan::entry::v1::Sale sale_;
  std::uint32_t exponent_ = 2;
  std::size_t line_index_ = 0;
  std::map<std::string, crdt::StockSum, std::less<>> effects_;
};

// What every draft carries, whatever its kind.
mesh::EntryDraft start_draft(mesh::Kind kind, const RequestKey& key,
                             std::optional<std::uint32_t> business_date,
                             const RuleContext& context);
// Puts the body in; refused if the entry would exceed the limit that holds everywhere.
Status set_body(mesh::EntryDraft& draft, const google::protobuf::MessageLite& body);

Decimal to_decimal(const titan::entry::v1::Price& price);
Decimal to_decimal(const titan::entry::v1::Quantity& quantity);
void set_price(titan::entry::v1::Price& out, const Decimal& price);
// Millionths of the unit; the quantity was checked to fit.
std::int64_t stock_units(const titan::entry::v1::Quantity& quantity);
Status check_quantity(const Decimal& quantity, const std::string& field);

}  // namespace titan::pos
