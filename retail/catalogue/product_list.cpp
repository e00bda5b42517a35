#include "retail/catalogue/product_list.h"

#include <algorithm>

#include "retail/check_digits.h"
#include "retail/gtin.h"

namespace titan::retail {
namespace {

constexpr std::size_t sentences_max = 3;  // in one error message

// A number column eats zeros on the left: 11 digits that are right as 12, 7 that are right as 8.
std::string lost_zero_hint(std::string_view code) {
  if (!is_digits(code) || (code.size() != 7 && code.size() != 11)) return "";
  const std::string whole = "0" + std::string(code);
  if (check_gtin(whole) != GtinFault::none) return "";
  return " (a spreadsheet may have dropped the zero of " + whole + ")";
}

}  // namespace

void ProductList::warn(std::string text) {
  if (warnings.size() < import_warnings_max) warnings.push_back(std::move(text));
  ++warning_count;
}

void ProductList::repeat(ProductPatch& before, ProductPatch later, ListMode mode) {
  const bool replaces = mode == ListMode::replace;
  warn(
      later.place + ": " + before.said.sku() + " was already given at " + before.place +
      (replaces ? "; the later one counts." : "; where both say something, the later one counts."));
  if (replaces) {
    before = std::move(later);
  } else {
    merge_later(before, later);
  }
}

void ProductList::gather_repeated(ListMode mode) {
  std::map<std::string, std::size_t, std::less<>> by_sku;
  std::vector<ProductPatch> once;
  once.reserve(products.size());
  for (ProductPatch& patch : products) {
    const auto [at, fresh] = by_sku.try_emplace(patch.said.sku(), once.size());
    if (fresh) {
      once.push_back(std::move(patch));
    } else {
      repeat(once[at->second], std::move(patch), mode);
    }
  }
  products = std::move(once);
}

std::string capitalised(std::string text) {
  if (text.starts_with("line ")) text[0] = 'L';
  return text;
}

std::string shared_gtin_warning(const std::string& place, const std::string& gtin,
                                const std::string& other_sku) {
  return place + ": GTIN " + gtin + " also belongs to " + other_sku +
         "; whoever scans it has to choose.";
}

void ListBuilder::fault(ListFault fault, std::string field, std::string sentence, ErrorCode code) {
  if (!list_.refusal) list_.refusal = make_error(code, "", std::move(field));
  if (sentences_.size() < sentences_max) sentences_.push_back(std::move(sentence));
  if (list_.faults.size() < import_faults_max) list_.faults.push_back(std::move(fault));
  ++list_.fault_count;
}

void ListBuilder::add(ProductPatch patch) {
  const std::string& sku = patch.said.sku();
  for (const std::string& gtin : patch.said.gtins()) {
    const GtinFault fault = check_gtin(gtin);
    if (fault != GtinFault::none) {
      warn(patch.place + ": " + describe_gtin_fault(gtin, fault) + lost_zero_hint(gtin) +
           "; taken all the same.");
    }
    const auto [at, fresh] = sku_by_gtin_.try_emplace(code_key(gtin), sku);
    if (!fresh && at->second != sku) {
      warn(shared_gtin_warning(patch.place, gtin, at->second));
      at->second = sku;
    }
  }
  for (const std::string& warning : patch_warnings(patch, currency_)) {
    warn(patch.place + ": " + warning + ".");
  }
  const auto [at, fresh] = by_sku_.try_emplace(sku, list_.products.size());
  if (fresh) {
    list_.products.push_back(std::move(patch));
    return;
  }
  ProductPatch& before = list_.products[at->second];
  list_.repeat(before, std::move(patch), mode_);
}

ProductList ListBuilder::take() {
  if (list_.refusal) {
    std::string& message = list_.refusal->message;
    for (const std::string& sentence : sentences_) {
      message += (message.empty() ? "" : " ") + sentence + ".";
    }
    const std::size_t more = list_.fault_count - sentences_.size();
    if (more > 0) {
      message += " " + std::to_string(more) + (has_seen_enough() ? " or more" : "") +
                 (more == 1 ? " other fault" : " other faults") + "; `faults` names them.";
    }
    list_.products.clear();
  }
  return std::move(list_);
}

}  // namespace titan::retail
