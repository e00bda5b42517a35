// ProductQueries::search: words, the order of matches, and pages that lose nothing.
//
// A rank moves when any product changes, so no place in a ranked list survives from one page to the
// next. Therefore only the first page is ranked, and `next` names the products it told out of turn;
// everything else follows by sku, which never changes, and leaves those out.
#include <algorithm>

#include "base/crypto.h"
#include "base/hex.h"
#include "mesh/sqlite/products/products.h"
#include "mesh/sqlite/products/search_words.h"

namespace titan::mesh {
namespace {

// 48 bits of a hash: that a product is taken for one of the hundred told happens once in 10^12.
constexpr std::size_t name_bytes = 6;
constexpr std::size_t check_bytes = 4;

constexpr std::string_view select_best =
    "SELECT p.sku FROM (SELECT rowid AS id FROM product_search WHERE product_search MATCH ? "
    "ORDER BY rank LIMIT ?) s CROSS JOIN products p ON p.id = s.id";
constexpr std::string_view select_few_by_sku =
    "SELECT p.sku FROM product_search CROSS JOIN products p ON p.id = product_search.rowid "
    "WHERE product_search MATCH ? AND p.sku > ? ORDER BY p.sku LIMIT ?";
// Many matches: along the skus until the page is full, rather than sorting them all. The + keeps
// SQLite from looking up each match.
constexpr std::string_view select_many_by_sku =
    "SELECT p.sku FROM products p WHERE +p.id IN (SELECT rowid FROM product_search WHERE "
    "product_search MATCH ?) AND p.sku > ? ORDER BY p.sku LIMIT ?";
constexpr std::string_view select_named =
    "SELECT p.sku FROM product_search CROSS JOIN products p ON p.id = product_search.rowid "
    "WHERE product_search MATCH ? AND p.sku > ? AND p.description = ? COLLATE NOCASE "
    "ORDER BY p.sku LIMIT ?";
// A name without a word is not in the index: the table is read through.
constexpr std::string_view select_named_without_words =
    "SELECT sku FROM products WHERE description = ? AND sku > ? ORDER BY sku LIMIT ?";

Bytes short_name(const std::string& sku) {
  return Bytes(blake2b(sku).view().substr(0, name_bytes));
}

// What `next` carries: the products told out of turn, and the last sku told in turn.
struct Place {
  std::vector<Bytes> told;  // sorted
  std::string sku;

  bool was_told(const std::string& one) const {
    return std::binary_search(told.begin(), told.end(), short_name(one));
  }
};

// Bound to its text: a place in another search would leave products out without a word.
Bytes check_of(std::string_view text, BytesView place) {
  Bytes all("titan-search-1");
  all += text;
  all.push_back('\0');
  all += place;
  return Bytes(blake2b(all).view().substr(0, check_bytes));
}

std::string write_place(const Place& place, std::string_view text) {
  Bytes bytes(1, static_cast<char>(place.told.size()));
  for (const Bytes& name : place.told) bytes += name;
  bytes += place.sku;
  return to_hex(check_of(text, bytes) + bytes);
}

std::optional<Place> read_place(const std::string& next, std::string_view text) {
  const auto bytes = from_hex(next);
  if (!bytes || bytes->size() <= check_bytes) return std::nullopt;
  BytesView rest = BytesView(*bytes).substr(check_bytes);
  if (check_of(text, rest) != BytesView(*bytes).substr(0, check_bytes)) return std::nullopt;
  const std::size_t count = static_cast<unsigned char>(rest.front());
  rest.remove_prefix(1);
  if (count > best_matches_max || rest.size() < count * name_bytes) return std::nullopt;
  Place place;
  for (std::size_t i = 0; i < count; ++i) {
    place.told.emplace_back(rest.substr(i * name_bytes, name_bytes));
  }
  place.sku = Bytes(rest.substr(count * name_bytes));
  return place;
}

std::string without_blanks_around(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

class Search {
 public:
  Search(Connection& connection, ProductQueries& queries, std::string text)
      : connection_(connection),
        queries_(queries),
        text_(std::move(text)),
        words_(search_words(connection, text_)),
        expression_(match_expression(words_)),
        is_broad_(matches_too_many_to_rank()) {}

  const std::string& text() const { return text_; }

  // What the text names exactly, then what matches best.
  std::vector<std::string> best(std::size_t count) {
    std::vector<std::string> skus;
    if (queries_.product(text_)) skus.push_back(text_);
    const auto add = [&](const std::string& sku) {
      const bool known = std::find(skus.begin(), skus.end(), sku) != skus.end();
      if (!known && skus.size() < count) skus.push_back(sku);
    };
    const std::vector<std::string> named = exact({}, count);
    for (const std::string& sku : named) add(sku);
    has_told_exact_ = named.size() < count;
    if (expression_.empty() || is_broad_) return skus;
    Use use = connection_.use(select_best);
    use.text(1, expression_).integer(2, static_cast<std::int64_t>(count));
    while (use.step()) add(use.bytes_at(0));
    return skus;
  }

  // By sku, behind the place, without what was told.
  std::vector<std::string> next(const Place& place, std::size_t count) {
    const std::size_t enough = count + place.told.size();
    std::vector<std::string> skus;
    if (!has_told_exact_) skus = exact(place.sku, enough);
    if (!expression_.empty()) {
      Use use = connection_.use(is_broad_ ? select_many_by_sku : select_few_by_sku);
      use.text(1, expression_).text(2, place.sku).integer(3, static_cast<std::int64_t>(enough));
      while (use.step()) skus.push_back(use.bytes_at(0));
    }
    std::sort(skus.begin(), skus.end());
    skus.erase(std::unique(skus.begin(), skus.end()), skus.end());
    std::erase_if(skus, [&](const std::string& sku) { return place.was_told(sku); });
    if (skus.size() > count) skus.resize(count);
    return skus;
  }

 private:
  bool matches_too_many_to_rank() {
    if (expression_.empty()) return false;
    Use use = connection_.use(
        "SELECT count(*) FROM (SELECT rowid FROM product_search WHERE product_search MATCH ? "
        "LIMIT ?)");
    use.text(1, expression_).integer(2, ranked_matches_max + 1);
    return use.step() && use.integer_at(0) > ranked_matches_max;
  }

  // The sku, gtin or whole name is the text: by sku, behind `after`.
  std::vector<std::string> exact(const std::string& after, std::size_t count) {
    std::vector<std::string> skus;
    if (text_ > after && queries_.product(text_)) skus.push_back(text_);
    for (const StoredProduct& product : queries_.products_by_gtin(text_)) {
      if (product.sku > after) skus.push_back(product.sku);
    }
    add_named(after, count, skus);
    std::sort(skus.begin(), skus.end());
    skus.erase(std::unique(skus.begin(), skus.end()), skus.end());
    return skus;
  }

  void add_named(const std::string& after, std::size_t count, std::vector<std::string>& skus) {
    const auto limit = static_cast<std::int64_t>(count);
    if (words_.empty()) {
      Use use = connection_.use(select_named_without_words);
      use.text(1, text_).text(2, after).integer(3, limit);
      while (use.step()) skus.push_back(use.bytes_at(0));
      return;
    }
    const std::string name = name_expression(words_);
    Use use = connection_.use(select_named);
    use.text(1, name).text(2, after).text(3, text_).integer(4, limit);
    while (use.step()) skus.push_back(use.bytes_at(0));
  }

  Connection& connection_;
  ProductQueries& queries_;
  const std::string text_;
  const std::vector<SearchWord> words_;
  const std::string expression_;
  const bool is_broad_;
  bool has_told_exact_ = false;  // best() told all there are: next() need not look again
};

}  // namespace

Result<ProductPage> ProductQueries::search(std::string_view text, std::size_t limit,
                                           const std::string& after) {
  limit = std::clamp<std::size_t>(limit, 1, product_page_max);
  const std::string trimmed = without_blanks_around(text);
  Place place;
  if (!after.empty()) {
    auto read = read_place(after, trimmed);
    if (!read) {
      return make_error(ErrorCode::invalid,
                        "after is no `next` of this search; begin again without it.", "after");
    }
    place = std::move(*read);
  }
  if (trimmed.empty()) return ProductPage{};

  Search search(connection_, *this, trimmed);
  std::vector<std::string> told;
  if (after.empty()) {
    told = search.best(std::min(limit, best_matches_max));
    for (const std::string& sku : told) place.told.push_back(short_name(sku));
    std::sort(place.told.begin(), place.told.end());
  }
  const std::size_t room = limit - told.size();
  std::vector<std::string> in_turn = search.next(place, room + 1);
  const bool is_last = in_turn.size() <= room;
  if (!is_last) in_turn.pop_back();

  ProductPage page;
  if (!in_turn.empty()) place.sku = in_turn.back();
  told.insert(told.end(), in_turn.begin(), in_turn.end());
  for (const std::string& sku : told) {
    if (auto found = product(sku)) page.products.push_back(std::move(*found));
  }
  if (!is_last) page.next = write_place(place, trimmed);
  return page;
}

}  // namespace titan::mesh
