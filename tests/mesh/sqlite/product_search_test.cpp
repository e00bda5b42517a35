// A product is found by its own name whatever is in it, and pages lose nothing.
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <set>

#include "fixture.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

using Texts = std::vector<std::string>;

Texts skus(const ProductPage& page) {
  Texts all;
  for (const StoredProduct& product : page.products) all.push_back(product.sku);
  return all;
}

std::string sku_of(int number) {
  return "S" + std::to_string(10'000 + number);
}

// Every page of a search; between two of them the shop goes on.
Texts every_page(SqliteReader& reader, const std::string& text, std::size_t limit,
                 const std::function<void(std::size_t)>& between = {}) {
  Texts all;
  std::string after;
  for (std::size_t pages = 1; pages < 1000; ++pages) {
    const ProductPage page = must(reader.search_products(text, limit, after));
    if (page.products.size() > limit) FAIL("a page is longer than asked for");
    for (const auto& sku : skus(page)) all.push_back(sku);
    if (page.next.empty()) return all;
    after = page.next;
    if (between) between(pages);
  }
  FAIL("there is no end");
  return all;
}

void append_utf8(std::string& text, std::uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  const int leads[] = {0, 0xc0, 0xe0, 0xf0};
  text += static_cast<char>(leads[more] | code >> (6 * more));
  for (int i = more - 1; i >= 0; --i) text += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3f));
}

// Scripts with and without case, marks that combine, digits of all kinds, symbols, emoji with
// joiners, private use and code points that mean nothing yet.
rc::Gen<std::string> product_names() {
  const std::vector<std::pair<int, int>> ranges = {
      {0x20, 0x7e},      {0x20, 0x7e},     {0xa0, 0x17f},      {0x2b0, 0x36f},
      {0x370, 0x3ff},    {0x400, 0x4ff},   {0x5d0, 0x5f4},     {0x600, 0x6ff},
      {0x900, 0x97f},    {0xe01, 0xe5b},   {0x1e00, 0x1eff},   {0x2000, 0x206f},
      {0x2070, 0x20cf},  {0x2100, 0x23ff}, {0x2460, 0x27bf},   {0x3001, 0x30ff},
      {0x4e00, 0x4e40},  {0xac00, 0xac40}, {0xe000, 0xe010},   {0xfb00, 0xfb06},
      {0xfe00, 0xfe0f},  {0xff01, 0xff5e}, {0x10300, 0x10330}, {0x1f300, 0x1f64f},
      {0x1d400, 0x1d440}};
  return rc::gen::map(
      rc::gen::container<std::vector<std::pair<int, int>>>(rc::gen::pair(
          rc::gen::inRange(0, static_cast<int>(ranges.size())), rc::gen::inRange(0, 1'000'000))),
      [ranges](const std::vector<std::pair<int, int>>& picks) {
        std::string name;
        for (const auto& [range, at] : picks) {
          const auto [first, last] = ranges[static_cast<std::size_t>(range)];
          append_utf8(name, static_cast<std::uint32_t>(first + at % (last - first + 1)));
        }
        while (name.ends_with(' ')) name.pop_back();
        while (name.starts_with(' ')) name.erase(0, 1);
        return name;
      });
}

}  // namespace

TEST_CASE("a product is found by its own name whatever symbols are in it") {
  const Texts names = {"Socken \xe2\x80\xa2 blau",
                       "Tee \xe2\x80\x93 gr\xc3\xbcn",
                       "Brot \xe2\x82\xac 2 Laib",
                       "80% Kakao",
                       "C++ Kochbuch",
                       "I/O Kabel",
                       "\xc2\xbd kg Mehl",
                       "Eis \xf0\x9f\x8d\xa6 Vanille",
                       "Rock'n'Roll & Blues",
                       "\"Best of\" * (Live)",
                       "AND OR NOT NEAR",
                       "H\xe2\x82\x82O \xe2\x84\xa2",
                       "\xe2\x98\x85\xe2\x98\x85\xe2\x98\x85",
                       "+++",
                       "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d\xe0\xa4\xa6\xe0\xa5\x80",
                       "cafe\xcc\x81 \xcc\x81 x"};
  auto store = open_in_memory();
  Till till(1);
  std::vector<titan::entry::v1::Product> all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    all.push_back(product(sku_of(static_cast<int>(i)), names[i], 1));
  }
  must(store->commit(request_of({till.products(all)})));
  auto reader = must(store->open_reader());
  for (std::size_t i = 0; i < names.size(); ++i) {
    INFO(names[i]);
    const Texts found = skus(must(reader->search_products(names[i], 10)));
    REQUIRE_FALSE(found.empty());
    CHECK(found.front() == sku_of(static_cast<int>(i)));
  }
  // Symbols alone are a name, or nothing; never an error and never everything.
  for (const char* symbols :
       {"\xe2\x80\xa2", "%", "* \xe2\x80\x93 *", "\"", "'", "^", "\xf0\x9f\x8d\xa6"}) {
    INFO(symbols);
    CHECK(must(reader->search_products(symbols, 10)).products.empty());
  }
  CHECK(skus(must(reader->search_products("tee \xe2\x80\x93", 10))) == Texts{sku_of(1)});
}

TEST_CASE("property: the whole name of a product finds it") {
  const bool holds = rc::check("every name", [] {
    const auto names = *rc::gen::resize(20, rc::gen::container<Texts>(product_names()));
    auto store = open_in_memory();
    Till till(1);
    std::vector<titan::entry::v1::Product> all;
    for (std::size_t i = 0; i < names.size(); ++i) {
      all.push_back(product(sku_of(static_cast<int>(i)), names[i], 1));
    }
    if (!all.empty()) must(store->commit(request_of({till.products(all)})));
    auto reader = must(store->open_reader());
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].empty()) continue;
      const Texts found = every_page(*reader, names[i], 3);
      RC_ASSERT(std::count(found.begin(), found.end(), sku_of(static_cast<int>(i))) == 1);
    }
  });
  CHECK(holds);
}

TEST_CASE("a long name is read to its end") {
  auto store = open_in_memory();
  Till till(1);
  std::string words;
  for (int i = 0; i < 190; ++i) words += "w" + std::to_string(i) + " ";
  must(store->commit(request_of(
      {till.products({product("A", words + "red", 1), product("B", words + "blue", 1),
                      product("C", "one two three four five six seven eight nine", 1),
                      product("D", "one two three four five six seven eight ten", 1)})})));
  auto reader = must(store->open_reader());
  CHECK(skus(must(reader->search_products(words + "blue", 10))) == Texts{"B"});
  CHECK(skus(must(reader->search_products("one two three four five six seven eight ten", 10))) ==
        Texts{"D"});
}

TEST_CASE("what is called exactly so comes first, also among thousands") {
  auto store = open_in_memory();
  Till till(1);
  for (int chunk = 0; chunk < 4; ++chunk) {
    std::vector<titan::entry::v1::Product> many;
    for (int i = 0; i < 400; ++i) {
      many.push_back(product(sku_of(chunk * 400 + i), "Tea number " + std::to_string(i), 1));
    }
    must(store->commit(request_of({till.products(many)})));
  }
  must(store->commit(request_of({till.products(
      {product("Z", "TEA", 1, {"4012345678901"}), product("Y", "Tea", 1, {"012345678905"})})})));
  auto reader = must(store->open_reader());
  const Texts first = skus(must(reader->search_products("tea", 3)));
  CHECK(first == Texts{"Y", "Z", sku_of(0)});
  const Texts all = every_page(*reader, "tea", 7);
  CHECK(all.size() == 1602);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == 1602);
  CHECK(skus(must(reader->search_products("12345678905", 5))) == Texts{"Y"});
}

TEST_CASE("a place in another search, or none at all, is refused") {
  auto store = open_in_memory();
  Till till(1);
  must(store->commit(request_of({till.products(
      {product("A", "tea pot", 1), product("B", "tea cup", 1), product("C", "coffee", 1)})})));
  auto reader = must(store->open_reader());
  const std::string next = must(reader->search_products("tea", 1)).next;
  REQUIRE_FALSE(next.empty());
  CHECK(must(reader->search_products(" tea ", 1, next)).products.size() == 1);
  for (const std::string& bad :
       {std::string("100"), std::string("A"), std::string("zz"), next + "00", next.substr(2),
        std::string("-1"), std::string("0000000000")}) {
    INFO(bad);
    const auto refused = reader->search_products("tea", 1, bad);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == ErrorCode::invalid);
    CHECK(refused.error().field == "after");
  }
  CHECK(reader->search_products("coffee", 1, next).has_error());
}

TEST_CASE("property: what matches all the time is on exactly one page, whatever changes") {
  const bool holds = rc::check("every page", [] {
    const int total = *rc::gen::inRange(2, 60);
    const auto limit = static_cast<std::size_t>(*rc::gen::inRange(1, 25));
    const auto steady = *rc::gen::container<std::vector<bool>>(static_cast<std::size_t>(total),
                                                               rc::gen::arbitrary<bool>());
    auto store = open_in_memory();
    Till till(1);
    std::vector<titan::entry::v1::Product> all;
    for (int i = 0; i < total; ++i) {
      all.push_back(product(sku_of(i), i % 3 == 0 ? "Cup" : "Cup of kind " + std::to_string(i), 1));
    }
    must(store->commit(request_of({till.products(all)})));
    auto reader = must(store->open_reader());
    int fresh = 0;
    const Texts found = every_page(*reader, "cup", limit, [&](std::size_t page) {
      std::vector<titan::entry::v1::Product> changed;
      for (int i = 0; i < total; ++i) {
        const bool is_steady = steady[static_cast<std::size_t>(i)];
        // The steady ones change too, in all but that they match.
        if (*rc::gen::inRange(0, 3) != 0) continue;
        changed.push_back(product(sku_of(i),
                                  is_steady  ? "Fine cup, cup and cup " + std::to_string(page)
                                  : page % 2 ? "Renamed"
                                             : "Cup again",
                                  static_cast<std::int64_t>(page)));
      }
      if (fresh < 30) changed.push_back(product("N" + std::to_string(100 + fresh++), "Cup", 1));
      if (!changed.empty()) must(store->commit(request_of({till.products(changed)})));
    });
    RC_ASSERT(std::set<std::string>(found.begin(), found.end()).size() == found.size());
    for (int i = 0; i < total; ++i) {
      if (!steady[static_cast<std::size_t>(i)]) continue;
      RC_ASSERT(std::count(found.begin(), found.end(), sku_of(i)) == 1);
    }
  });
  CHECK(holds);
}
