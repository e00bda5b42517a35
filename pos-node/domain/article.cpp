#include "pos-node/domain/article.h"

#include <algorithm>
#include <array>

#include "pos-node/domain/sale_builder.h"
#include "pos-node/domain/sale_rules.h"
#include "retail/check_digits.h"
#include "retail/gtin.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

// Of a code that does not count, the candidate that stands for it all the same.
constexpr std::size_t no_candidate = static_cast<std::size_t>(-1);

// How many digits barcode numbers have: a list may hold 12 of the 13 that a scanner sends.
constexpr std::array<std::size_t, 4> barcode_digits = {13, 8, 12, 14};

enum class LookUp { as_barcode, as_sku };

// Scales fill an item's number up to its field.
std::string without_zeros(const std::string& item) {
  return item.substr(std::min(item.find_first_not_of('0'), item.size() - 1));
}

// As printed first, then with the zeros that other forms of the same barcode number have.
void add_sku_forms(const std::string& code, std::vector<std::string>& out) {
  const auto add = [&](std::string form) {
    if (sku_fault(form) || std::find(out.begin(), out.end(), form) != out.end()) return;
    out.push_back(std::move(form));
  };
  add(code);
  const bool is_barcode =
      std::find(barcode_digits.begin(), barcode_digits.end(), code.size()) != barcode_digits.end();
  if (!is_barcode || !is_digits(code)) return;
  const std::string number = without_zeros(code);
  for (const std::size_t digits : barcode_digits) {
    if (number.size() <= digits) add(std::string(digits - number.size(), '0') + number);
  }
}

// Many shops' lists have no column of barcodes because the sku is the barcode, or is what the label
// on the shelf says.
std::vector<std::string> sku_forms(const ScanCandidate& candidate) {
  std::vector<std::string> forms;
  add_sku_forms(candidate.key, forms);
  add_sku_forms(candidate.code, forms);
  return forms;
}

// An item's number on the shop's own label is looked up as a sku at once: it is no barcode.
std::vector<std::string> skus_of(const ScanCandidate& candidate, LookUp look_up) {
  if (look_up == LookUp::as_sku) return sku_forms(candidate);
  if (!candidate.or_sku) return {};
  return {candidate.key, without_zeros(candidate.key)};
}

// Adds the products of one candidate that are not there yet.
Status add_matches(const Scan& scan, std::size_t candidate, LookUp look_up, Catalogue& catalogue,
                   std::vector<ScanMatches::Match>& out) {
  const ScanCandidate& wanted = scan.candidates[candidate];
  std::vector<ProductPointer> found;
  if (look_up == LookUp::as_barcode) {
    auto by_code = catalogue.products_by_gtin(wanted.key);
    if (!by_code) return by_code.error();
    found = std::move(*by_code);
  }
  for (const std::string& sku : skus_of(wanted, look_up)) {
    auto by_sku = catalogue.product(sku);
    if (!by_sku) return by_sku.error();
    if (*by_sku) found.push_back(std::move(*by_sku));
  }
  for (ProductPointer& product : found) {
    const bool is_there = std::any_of(out.begin(), out.end(), [&](const auto& match) {
      return match.product->sku() == product->sku();
    });
    if (!is_there) out.push_back({std::move(product), candidate});
  }
  return {};
}

bool has_code(const Product& product, const ScanCandidate& candidate, LookUp look_up) {
  const std::vector<std::string> skus = skus_of(candidate, look_up);
  if (std::find(skus.begin(), skus.end(), product.sku()) != skus.end()) return true;
  if (look_up == LookUp::as_sku) return false;
  const std::string key = code_key(candidate.key);
  return std::any_of(product.gtins().begin(), product.gtins().end(),
                     [&](const std::string& known) { return code_key(known) == key; });
}

std::size_t candidate_of(const Product& product, const Scan& scan) {
  for (const LookUp look_up : {LookUp::as_barcode, LookUp::as_sku}) {
    for (std::size_t i = 0; i < scan.candidates.size(); ++i) {
      if (has_code(product, scan.candidates[i], look_up)) return i;
    }
  }
  return no_candidate;
}

// True: there is a product in the range. Otherwise `out` has the first delisted ones, if any.
Result<bool> find_matches(const Scan& scan, LookUp look_up, Catalogue& catalogue,
                          ScanMatches& out) {
  for (std::size_t first = 0; first < scan.candidates.size();) {
    std::vector<ScanMatches::Match> found;
    std::size_t next = first;
    do {
      const auto done = add_matches(scan, next, look_up, catalogue, found);
      if (!done) return done.error();
      ++next;
    } while (next < scan.candidates.size() && scan.candidates[next].equal_rank);
    const auto others = std::stable_partition(
        found.begin(), found.end(), [](const auto& match) { return !match.product->delisted(); });
    out.in_range = static_cast<std::size_t>(others - found.begin());
    if (out.in_range > 0 || out.matches.empty()) out.matches = std::move(found);
    if (out.in_range > 0) return true;
    first = next;
  }
  return false;
}

// The till chose: the line says so where there was a choice.
Result<std::size_t> choose_by_scan(Article& article, Catalogue& catalogue) {
  const auto found = match_scan(article.scan, catalogue);
  if (!found) return found.error();
  if (found->matches.empty()) return no_candidate;
  article.product = found->matches.front().product;
  const std::size_t choice = found->in_range > 0 ? found->in_range : found->matches.size();
  if (choice > 1) article.add_flag(flag::gtin_shared);
  return found->matches.front().candidate;
}

// The screen chose: the line says so where the code is another article's.
Result<std::size_t> check_chosen(Article& article, Catalogue& catalogue) {
  if (!article.product) return no_candidate;
  const std::size_t own = candidate_of(*article.product, article.scan);
  if (own != no_candidate) return own;
  const auto found = match_scan(article.scan, catalogue);
  if (!found) return found.error();
  if (!found->matches.empty()) {
    article.add_flag(flag::gtin_of_other_product);
    article.scan.price.reset();  // it is the other's
  }
  return no_candidate;
}

void take_facts(Article& article, std::size_t chosen, std::uint32_t business_date) {
  Scan& scan = article.scan;
  const ScanCandidate* candidate =
      chosen == no_candidate ? scan.unknown() : &scan.candidates[chosen];
  if (candidate) article.gtin = candidate->code;
  const bool is_label = std::any_of(scan.candidates.begin(), scan.candidates.end(),
                                    [](const ScanCandidate& each) { return each.of_label; });
  if (is_label && candidate && !candidate->of_label) {
    // An article of exactly this number: the digits are no price then.
    scan.measure.reset();
    scan.pieces.reset();
    scan.price.reset();
    std::erase_if(scan.complaints, [](const ScanComplaint& each) {
      return each.fault == ScanFault::value_check_digit;
    });
  }
  article.keeps_symbol = scan.says_more() || (candidate && candidate->of_label);
  if (const GtinFault fault = check_gtin(article.gtin); fault != GtinFault::none) {
    article.add_flag(gtin_flag(fault));
  }
  if (scan.has(ScanFault::value_check_digit)) article.add_flag(flag::label_check_digit);
  if (scan.has(ScanFault::bad_element) || scan.has(ScanFault::bad_date) ||
      scan.has(ScanFault::unknown_identifier)) {
    article.add_flag(flag::scan_incomplete);
  }
  if (scan.expiry != 0 && scan.expiry < business_date) article.add_flag(flag::expired);
}

Error unusable(const Scan& scan, const std::string& fault, const std::string& place) {
  const std::string reason =
      scan.complaints.empty() ? "it " + fault + "." : scan.complaints.front().message;
  return make_error(ErrorCode::invalid,
                    "The barcode cannot stand for a sku: " + reason + " Send the sku.",
                    place + "gtin");
}

}  // namespace

void Article::add_flag(std::string_view flag) {
  if (std::find(flags.begin(), flags.end(), flag) == flags.end()) flags.emplace_back(flag);
}

Result<ScanMatches> match_scan(const Scan& scan, Catalogue& catalogue) {
  ScanMatches matches;
  for (const LookUp look_up : {LookUp::as_barcode, LookUp::as_sku}) {
    const auto in_range = find_matches(scan, look_up, catalogue, matches);
    if (!in_range) return in_range.error();
    if (*in_range) break;
  }
  return matches;
}

Result<Article> find_article(const std::string& sku, const std::string& code,
                             const RuleContext& context, std::uint32_t business_date,
                             const std::string& place) {
  if (sku.empty() && code.empty()) {
    return make_error(ErrorCode::invalid, "A line needs a sku or a gtin.", place + "sku");
  }
  Article article;
  if (!code.empty()) article.scan = read_scan(code, context.facts.labels, business_date);
  Result<std::size_t> chosen = no_candidate;
  if (sku.empty()) {
    chosen = choose_by_scan(article, context.catalogue);
  } else {
    auto found = context.catalogue.product(sku);
    if (!found) return found.error();
    article.product = std::move(*found);
    if (!code.empty()) chosen = check_chosen(article, context.catalogue);
  }
  if (!chosen) return chosen.error();
  if (!code.empty()) take_facts(article, *chosen, business_date);

  article.sku = !sku.empty() ? sku : article.product ? article.product->sku() : article.gtin;
  if (const auto fault = sku_fault(article.sku)) return unusable(article.scan, *fault, place);
  if (!article.product) article.add_flag(flag::unknown_product);
  if (article.product && article.product->delisted()) article.add_flag(flag::delisted);
  return article;
}

void record_scan(const Article& article, v1::Line& out) {
  if (!article.keeps_symbol) return;
  const Scan& scan = article.scan;
  v1::Scan& recorded = *out.mutable_scan();
  recorded.set_symbol(scan.symbol);
  recorded.set_lot(scan.lot);
  recorded.set_expiry(scan.expiry);
  recorded.set_best_before(scan.best_before);
  recorded.set_serial(scan.serial);
  const auto record = [&](const Decimal& quantity, const std::string& unit) {
    recorded.mutable_measure()->set_value(quantity.value);
    recorded.mutable_measure()->set_scale(quantity.scale);
    recorded.mutable_measure()->set_unit(unit);
  };
  if (scan.measure) {
    record(scan.measure->quantity, scan.measure->unit);
  } else if (scan.pieces) {
    record(*scan.pieces, "");
  }
  if (scan.price) set_price(*recorded.mutable_price(), scan.price->amount);
}

}  // namespace titan::pos
