// Builds the body and the stock effects of a sale or refund line by line. Used by the sale rules
// only; a builder serves one request.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pos-node/domain/label_line.h"
#include "pos-node/domain/sale_rules.h"
#include "retail/cash_rounding.h"
#include "retail/settlement.h"
#include "retail/tax_sums.h"

namespace titan::pos {

class SaleBuilder {
 public:
  // sale: a positive quantity leaves the stock; refund: it comes back.
  enum class Direction { sale, refund };

  SaleBuilder(const SaleRequest& request, const RuleContext& context, Direction direction);

  // Sale-wide facts first, then each line in order, then the sums and payments.
  Status begin();
  // `original`: the sold line whose prices and taxes are the default; or null.
  Status add_line(const LineRequest& requested, const titan::entry::v1::Line* original);
  // A part of a sold line that comes back at `share` of what is left of it.
  Status add_returned_line(const LineRequest& line, const titan::entry::v1::Line& original,
                           const LineMoney& share);
  // Coins that earlier refunds of the sale owe or had too many, and the rule the sale was paid
  // under.
  void continue_payout(std::int64_t carried_minor, std::optional<CashRule> rule);
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
  // What finish() needs to know of a line; `settled`: its sums are shares of a sold line's.
  struct LineFigures {
    std::int64_t priced_minor = 0;  // price x quantity less the line's discounts
    std::optional<std::int64_t> stated_tax_minor;
    Decimal quantity;
    bool settled = false;
  };
  struct Tender {  // a payment, in the sale's currency
    std::int64_t value_minor = 0;
    bool in_cash = false;     // coins, of whichever currency
    bool is_rounded = false;  // coins of the sale's currency
    bool takes_rest = false;  // no amount was stated
    bool change_stated = false;
  };

  // sale_builder.cpp: lines
  // The line as its scan and unit complete it; sku, code, scan and flags are put into `out`.
  Result<LineRead> resolve_product(const LineRequest& line, const titan::entry::v1::Line* original,
                                   titan::entry::v1::Line& out);
  std::uint32_t business_date() const;
  Result<Prices> resolve_prices(const LineRequest& line, const titan::entry::v1::Line* original,
                                const Product* product);
  Status set_quantity(const LineRequest& line, const Product* product, titan::entry::v1::Line& out);
  void set_texts(const LineRequest& line, const titan::entry::v1::Line* original,
                 const Product* product, titan::entry::v1::Line& out);
  Result<std::int64_t> set_discounts(const LineRequest& line, titan::entry::v1::Line& out);
  Status set_priced(const LineRequest& line, const Prices& prices, std::int64_t discounts_minor);
  Status add_effect(const titan::entry::v1::Line& line);

  // sale_sums.cpp: shares, taxes, totals
  Status share_discounts();
  Status take_taxes();
  Status take_stated_tax(std::size_t line, std::vector<std::int64_t>& taxes);
  Status add_totals();
  Status check_stated_total();
  void share_rounding();

  // sale_payments.cpp: cash rounding, payments, change
  Status pay();
  Result<Tender> add_payment(const PaymentRequest& request, std::size_t index,
                             std::int64_t paid_minor);
  Result<std::int64_t> convert(const PaymentRequest& request, titan::entry::v1::Payment& out,
                               const std::string& place);
  Result<std::int64_t> choose_rounding();
  std::optional<CashRule> cash_rule() const;
  Status check_stated_rounding(std::int64_t rounding_minor);
  void take_rest();
  Status settle_change();

  std::string line_field(std::string_view member) const;  // "lines[2].sku"

  const SaleRequest& request_;
  const RuleContext& context_;
  Direction direction_;
  titan::entry::v1::Sale sale_;
  std::uint32_t exponent_ = 2;
  std::size_t line_index_ = 0;
  std::vector<LineFigures> figures_;
  std::int64_t priced_minor_ = 0;  // sum, so that an overflow is found at its line
  std::int64_t due_minor_ = 0;     // before cash rounding
  std::int64_t carried_minor_ = 0;
  std::optional<CashRule> original_rule_;
  std::vector<Tender> tenders_;
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
Status check_quantity(const Decimal& quantity, const std::string& field);

}  // namespace titan::pos
