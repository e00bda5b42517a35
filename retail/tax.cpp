#include "retail/tax.h"

#include "retail/money.h"

namespace titan::retail {
namespace {

namespace v1 = titan::entry::v1;

// Product and Line name their tax fields alike.
template <class Article>
std::vector<Tax> read_taxes(const Article& article) {
  std::vector<Tax> taxes;
  for (const auto& tax : article.taxes()) {
    taxes.push_back({tax.code(), tax.rate_micropercent(), tax.exempt()});
  }
  if (!taxes.empty()) return taxes;
  const std::uint64_t rate =
      std::uint64_t{article.tax_rate_basis_points()} * micropercent_per_basis_point;
  const auto bounded = static_cast<std::uint32_t>(
      rate < tax_rate_micropercent_max ? rate : std::uint64_t{tax_rate_micropercent_max});
  return {{article.tax_code(), bounded, false}};
}

template <class Article>
void write_taxes(Article& article, const std::vector<Tax>& taxes) {
  article.clear_taxes();
  std::uint64_t rate = 0;
  for (const Tax& tax : taxes) rate += tax.rate_micropercent;
  article.set_tax_code(taxes.front().code);
  article.set_tax_rate_basis_points(static_cast<std::uint32_t>(
      (rate + micropercent_per_basis_point / 2) / micropercent_per_basis_point));
  const Tax& first = taxes.front();
  const bool is_plain = taxes.size() == 1 && !first.exempt &&
                        first.rate_micropercent % micropercent_per_basis_point == 0;
  if (is_plain) return;
  for (const Tax& tax : taxes) {
    auto& out = *article.add_taxes();
    out.set_code(tax.code);
    out.set_rate_micropercent(tax.rate_micropercent);
    out.set_exempt(tax.exempt);
  }
}

}  // namespace

std::vector<Tax> taxes_of(const v1::Product& product) {
  return read_taxes(product);
}
std::vector<Tax> taxes_of(const v1::Line& line) {
  return read_taxes(line);
}
void set_taxes(v1::Product& product, const std::vector<Tax>& taxes) {
  write_taxes(product, taxes);
}
void set_taxes(v1::Line& line, const std::vector<Tax>& taxes) {
  write_taxes(line, taxes);
}

Result<std::uint32_t> parse_tax_rate(std::string_view text) {
  if (text.ends_with('%')) {
    text.remove_suffix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
  }
  const auto percent = parse_decimal(text);
  if (!percent) return percent.error();
  const auto rate = rescale_exactly(*percent, 6);
  if (!rate || *rate < 0 || *rate > std::int64_t{tax_rate_micropercent_max}) {
    return make_error(ErrorCode::invalid,
                      "\"" + std::string(text) + "\" is no tax rate: percent from 0 to 1000");
  }
  return static_cast<std::uint32_t>(*rate);
}

std::string tax_rate_text(std::uint32_t rate_micropercent) {
  return to_short_text(rate_micropercent, 6);
}

std::uint32_t to_basis_points_rounded(std::uint32_t rate_micropercent) {
  return (rate_micropercent + micropercent_per_basis_point / 2) / micropercent_per_basis_point;
}

}  // namespace titan::retail
