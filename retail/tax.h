// The taxes of an article: codes, rates finer than a basis point, several at once, none at all.
//
// A rate is kept in millionths of a percent: 8.875 % is 8,875,000. Exempt is not a rate of zero:
// reports list the two apart.
//
// Entries know two forms: code and whole basis points of one tax (all that older versions wrote),
// and a list. Whoever reads or writes either does it here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "proto/entry.pb.h"

namespace titan::retail {

struct Tax {
  std::string code;
  std::uint32_t rate_micropercent = 0;
  bool exempt = false;

  bool operator==(const Tax&) const = default;
};

inline constexpr std::uint32_t micropercent_per_basis_point = 10'000;
inline constexpr std::uint32_t tax_rate_micropercent_max = 1'000'000'000;  // 1000 %
inline constexpr std::uint32_t tax_rate_basis_points_max =
    tax_rate_micropercent_max / micropercent_per_basis_point;
inline constexpr std::size_t taxes_max = 8;  // of one article

// Never empty: an article without a rate has one tax of rate zero.
std::vector<Tax> taxes_of(const titan::entry::v1::Product& product);
std::vector<Tax> taxes_of(const titan::entry::v1::Line& line);
// `taxes` may not be empty. Leaves the sums of tax in a line at zero.
void set_taxes(titan::entry::v1::Product& product, const std::vector<Tax>& taxes);
void set_taxes(titan::entry::v1::Line& line, const std::vector<Tax>& taxes);

// "8.875", "19", "8.875%", "8.875 %": percent with at most six digits behind the point.
Result<std::uint32_t> parse_tax_rate(std::string_view text);
// "8.875"
std::string tax_rate_text(std::uint32_t rate_micropercent);
std::uint32_t to_basis_points_rounded(std::uint32_t rate_micropercent);

}  // namespace titan::retail
