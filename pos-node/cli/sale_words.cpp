#include "pos-node/cli/sale_words.h"

#include <optional>

#include "retail/money.h"

namespace titan::pos {
namespace {

constexpr std::string_view times_sign = "\xC3\x97";  // ×

bool is_number(std::string_view text) {
  return !text.empty() && retail::parse_decimal(std::string(text)).has_value();
}

// Length of an x, X or × at the front (or at the end); 0: there is none.
std::size_t times_at_front(std::string_view text) {
  if (text.starts_with(times_sign)) return times_sign.size();
  return text.starts_with('x') || text.starts_with('X') ? 1 : 0;
}
std::size_t times_at_end(std::string_view text) {
  if (text.ends_with(times_sign)) return times_sign.size();
  return text.ends_with('x') || text.ends_with('X') ? 1 : 0;
}

// "x2", "2x" -> "2"; nothing if the word is no quantity.
std::optional<std::string> quantity_word(std::string_view word) {
  if (const std::size_t sign = times_at_front(word); sign > 0 && is_number(word.substr(sign))) {
    return std::string(word.substr(sign));
  }
  if (const std::size_t sign = times_at_end(word); sign > 0) {
    const std::string_view number = word.substr(0, word.size() - sign);
    if (is_number(number)) return std::string(number);
  }
  return std::nullopt;
}

// Takes "@2.50" off the end of a word.
std::string take_price(std::string& word) {
  const std::size_t at = word.rfind('@');
  if (at == std::string::npos || !is_number(std::string_view(word).substr(at + 1))) return "";
  std::string price = word.substr(at + 1);
  word.resize(at);
  return price;
}

SaleWord article_of(const std::string& word) {
  SaleWord article;
  article.sku = word;
  const std::size_t times = word.rfind('x');
  if (times != std::string::npos && times > 0 &&
      is_number(std::string_view(word).substr(times + 1))) {
    article.embedded_sku = word.substr(0, times);
    article.embedded_quantity = word.substr(times + 1);
  }
  return article;
}

Error twice(const std::string& what, const SaleWord& article) {
  return make_error(ErrorCode::invalid, article.sku + " has two " + what +
                                            "; give one, or name the article a second time.");
}

}  // namespace

Result<std::vector<SaleWord>> read_sale_words(const std::vector<std::string>& words) {
  std::vector<SaleWord> lines;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    const std::string price = take_price(word);
    std::optional<std::string> quantity = quantity_word(word);
    const bool is_sign = !word.empty() && times_at_front(word) == word.size();
    if (is_sign && price.empty() && i + 1 < words.size() && !lines.empty()) {
      std::string next = words[i + 1];
      if (is_number(next)) {
        quantity = next;
        word += next;
        ++i;
      }
    }
    if (!lines.empty() && quantity) {
      if (!lines.back().quantity.empty()) return twice("quantities", lines.back());
      lines.back().quantity = *quantity;
      lines.back().between = word;
    } else if (!word.empty()) {
      lines.push_back(article_of(word));
    } else if (lines.empty() || price.empty()) {
      return make_error(ErrorCode::invalid, "\"" + words[i] +
                                                "\" names no article; write ARTICLE, ARTICLE x2 or "
                                                "ARTICLE@2.50.");
    }
    if (price.empty()) continue;
    if (!lines.back().price.empty()) return twice("prices", lines.back());
    lines.back().price = price;
  }
  return lines;
}

Result<std::vector<SaleWord>> read_plain_articles(const std::vector<std::string>& skus,
                                                  const std::vector<std::string>& quantities) {
  if (!quantities.empty() && quantities.size() != skus.size()) {
    return make_error(ErrorCode::invalid, "--quantity belongs to --sku, one for each: there are " +
                                              std::to_string(skus.size()) + " of --sku and " +
                                              std::to_string(quantities.size()) +
                                              " of --quantity.");
  }
  std::vector<SaleWord> lines;
  for (std::size_t i = 0; i < skus.size(); ++i) {
    SaleWord line;
    line.sku = skus[i];
    if (!quantities.empty()) line.quantity = quantities[i];
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace titan::pos
