// What was paid for each line of a sale, what refunds took back of it, and what is left: in pieces
// and in money.
//
// A refund uses up the share of what it takes back, whatever was paid for it: a piece returned at a
// price of its own (an opened box, a fee kept back) leaves the others at what was paid for them.
//
// A part that comes back pays its share of what is LEFT of its line: round(left money x pieces /
// left pieces), half away from zero; the last part takes the rest. So the parts of a line add up to
// exactly what was paid for it, in any split and order. 10.01 paid for three pieces come back
// as 3.34, 3.34 and 3.33. Tax, discounts and the shares of the whole sale go the same way.
//
// Money is of three kinds: a line's `total` (before the sale's discounts), its share of those, and
// `paid` (total less that share, cash rounding in it).
//
// Figures come out of entries that any till may have written: sums saturate instead of wrapping.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/entry.pb.h"

namespace titan::retail {

struct LineMoney {
  std::int64_t units = 0;  // millionths of the product's unit; negative: came back in an exchange
  std::int64_t total_minor = 0;
  std::int64_t sale_discount_minor = 0;
  std::int64_t paid_minor = 0;
  std::vector<std::int64_t> taxes_minor;  // one for each of the line's taxes
};

// Line by line, as the entry says; for entries older than the paid share, as it follows from their
// totals, discounts and rounding (docs/STORAGE.md).
std::vector<LineMoney> lines_money(const titan::entry::v1::Sale& sale);

std::int64_t saturated_sum(std::int64_t first, std::int64_t second);
std::int64_t saturated_difference(std::int64_t first, std::int64_t second);
// Millionths of the unit.
std::int64_t stock_units(const titan::entry::v1::Quantity& quantity);

class Settlement {
 public:
  // More than was sold or paid came back.
  struct Excess {
    std::size_t line;
    bool in_pieces;  // else in money only
    bool of_whole;   // of the sale as a whole, no line of it alone; `line` means nothing
    std::int64_t sold;
    std::int64_t refunded;  // units or minor units
  };

  explicit Settlement(const titan::entry::v1::Sale& sold);

  // A refund of the sale that was not voided. One in training counts only for a sale in training.
  void take(const titan::entry::v1::Refund& refund);
  // The sale was voided: nothing is left, whatever is refunded is too much.
  void take_void() { voided_ = true; }

  const std::vector<LineMoney>& sold() const { return sold_; }
  // Nothing, once the sale was voided. A line that gave back more pieces than it had shows less
  // than zero.
  LineMoney left(std::size_t line) const;
  bool anything_left() const;  // pieces of any line
  // Money that is left of the whole: the lines' together, and coins owed from earlier refunds.
  std::int64_t left_minor() const;
  // What `units` of the line are worth of what refunds left of it, also where the sale was voided;
  // what goes beyond that is worth what such pieces were sold for.
  LineMoney share(std::size_t line, std::int64_t units) const;
  // What earlier refunds should have paid out by their lines less what they did: coins that do not
  // exist, made good by later ones. 0 for a refund in one piece.
  std::int64_t carried_minor() const { return carried_minor_; }

  bool voided() const { return voided_; }
  std::size_t refunds() const { return refunds_; }
  std::vector<Excess> excesses() const;
  bool excesses_of_whole() const;

 private:
  LineMoney rest_of(std::size_t line) const;
  std::size_t line_taken_back(const titan::entry::v1::Refund& refund, std::size_t index) const;

  bool training_ = false;
  bool voided_ = false;
  std::size_t refunds_ = 0;
  std::int64_t paid_minor_ = 0;
  std::int64_t given_back_minor_ = 0;  // by all lines of all refunds, before coins
  std::int64_t carried_minor_ = 0;
  std::vector<std::string> skus_;
  std::vector<LineMoney> sold_;
  std::vector<LineMoney> refunded_;  // as recorded
  std::vector<LineMoney> used_up_;   // the shares of it
};

}  // namespace titan::retail
