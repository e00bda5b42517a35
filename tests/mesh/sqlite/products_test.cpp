// Layers, search and barcodes.
#include <algorithm>

#include <catch2/catch.hpp>

#include "fixture.h"
#include "mesh/entry/code_key.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

constexpr std::uint64_t cloud_seed = 77;

std::vector<std::string> skus(const ProductPage& page) {
  std::vector<std::string> all;
  for (const StoredProduct& product : page.products) all.push_back(product.sku);
  return all;
}

}  // namespace

TEST_CASE("skus that differ by case are two products") {
  auto store = open_in_memory();
  Till till(1);
  must(store->commit(request_of({till.products(
      {product("85123A", "WHITE HANGING HEART", 255), product("85123a", "RED HEART", 295)})})));
  auto reader = must(store->open_reader());
  CHECK(must(reader->product("85123A"))->description == "WHITE HANGING HEART");
  CHECK(must(reader->product("85123a"))->price == UnitPrice{295, 2});
  CHECK_FALSE(must(reader->product("85123B")).has_value());
  CHECK(must(reader->product_count()) == 2);
}

TEST_CASE("the store's override is in force until a later word of the feed clears it") {
  Till cloud(cloud_seed);
  cloud.utc_ms = 1000;
  Till till(1);
  till.utc_ms = 2000;
  auto cleared = product("A", "from the feed again", 120);
  cleared.set_clears_override(true);
  const auto feed = cloud.products({product("A", "from the feed", 100)});
  const auto override_entry = till.products({product("A", "the manager's", 90)});
  cloud.utc_ms = 3000;
  const auto clearing = cloud.products({cleared});
  till.utc_ms = 4000;
  const auto later = till.products({product("A", "the manager's second", 80)});
  cloud.utc_ms = 5000;
  const auto newer_feed = cloud.products({product("A", "newest of the feed", 130)});

  SECTION("step by step") {
    auto store = open_in_memory(1, cloud_seed);
    auto reader = must(store->open_reader());
    const auto description = [&] { return must(reader->product("A"))->description; };
    must(store->commit(request_of({feed})));
    CHECK(description() == "from the feed");
    must(store->commit(request_of({override_entry})));
    CHECK(description() == "the manager's");
    CHECK(must(reader->product("A"))->overridden);
    const ProductLayers layers = must(reader->product_layers("A"));
    CHECK(layers.feed.has_value());
    CHECK(layers.override_value.has_value());
    must(store->commit(request_of({clearing})));
    CHECK(description() == "from the feed again");
    CHECK_FALSE(must(reader->product("A"))->overridden);
    must(store->commit(request_of({later})));
    CHECK(description() == "the manager's second");
    must(store->commit(request_of({newer_feed})));
    CHECK(description() == "the manager's second");
  }
  SECTION("in every order of arrival the outcome is the same") {
    std::vector<EntryPointer> order = {feed, override_entry, clearing, later, newer_feed};
    std::sort(order.begin(), order.end());
    do {
      auto store = open_in_memory(1, cloud_seed);
      for (const auto& entry : order) must(store->commit(request_of({entry})));
      auto reader = must(store->open_reader());
      const auto shown = must(reader->product("A"));
      REQUIRE(shown->description == "the manager's second");
      REQUIRE(skus(must(reader->search_products("second", 10))) == std::vector<std::string>{"A"});
      REQUIRE(must(reader->search_products("feed", 10)).products.empty());
    } while (std::next_permutation(order.begin(), order.end()));
  }
  SECTION("a cloud key that was configured later moves the feed's entries into their layer") {
    TempFolder folder;
    {
      auto store = open_store(folder.file(), 1, 0);
      must(store->commit(request_of({override_entry, newer_feed})));
      CHECK(must(must(store->open_reader())->product("A"))->description == "newest of the feed");
    }
    auto store = open_store(folder.file(), 1, cloud_seed);
    CHECK(must(must(store->open_reader())->product("A"))->description == "the manager's");
  }
}

TEST_CASE("two tills change one product on two sides of a cut: the last writer wins everywhere") {
  Till left(1);
  Till right(2);
  left.utc_ms = 5000;
  right.utc_ms = 5001;
  const auto a = left.products({product("A", "left", 1)});
  const auto b = right.products({product("A", "right", 2)});
  auto one = open_in_memory();
  auto two = open_in_memory();
  must(one->commit(request_of({a, b})));
  must(two->commit(request_of({b, a})));
  CHECK(must(must(one->open_reader())->product("A"))->description == "right");
  CHECK(must(must(two->open_reader())->product("A"))->description == "right");
}

TEST_CASE("barcodes are found in every form of the same number") {
  CHECK(code_key("012345678905") == "00012345678905");
  CHECK(code_key("0012345678905") == "00012345678905");
  CHECK(code_key("SHOP-7") == "SHOP-7");
  CHECK(code_key("123456789012345") == "123456789012345");
  CHECK(code_key("") == "");

  auto store = open_in_memory();
  Till till(1);
  must(store->commit(request_of({till.products(
      {product("A", "apple", 1, {"012345678905"}), product("B", "bread", 1, {"96385074"}),
       product("C", "cheese", 1, {"SHOP-7", "96385074"}), product("D", "delisted", 1)})})));
  auto reader = must(store->open_reader());
  const auto found = [&](const char* code) {
    std::string all;
    for (const auto& one : must(reader->products_by_gtin(code))) all += one.sku;
    return all;
  };
  CHECK(found("012345678905") == "A");
  CHECK(found("0012345678905") == "A");
  CHECK(found("00012345678905") == "A");
  CHECK(found("12345678905") == "A");  // a scanner that drops the leading zero
  CHECK(found("96385074") == "BC");    // codes that occur twice exist: the shop is told both
  CHECK(found("SHOP-7") == "C");
  CHECK(found("4012345678901").empty());

  must(store->commit(request_of({till.products({product("A", "apple", 1, {"4012345678901"})})})));
  CHECK(found("012345678905").empty());
  CHECK(found("4012345678901") == "A");
  CHECK(skus(must(reader->search_products("4012345678901", 5))) == std::vector<std::string>{"A"});
}

TEST_CASE("search finds words by their beginning, without accents and case, the exact sku first") {
  auto store = open_in_memory();
  Till till(1);
  auto branded = product("P-9", "biscuits", 1);
  branded.set_brand("Mac\xc3\xa9");
  must(store->commit(request_of({till.products(
      {product("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", 255),
       product("71053", "WHITE METAL LANTERN", 339), product("22752", "CR\xc3\x88ME BRULEE", 1),
       product("HEART", "something else", 1), branded,
       product("\xd0\x9a", "\xd0\xa5\xd0\xbb\xd0\xb5\xd0\xb1", 1)})})));
  auto reader = must(store->open_reader());
  const auto found = [&](const std::string& text) {
    auto all = skus(must(reader->search_products(text, 10)));
    std::sort(all.begin(), all.end());
    return all;
  };
  using List = std::vector<std::string>;
  CHECK(found("white") == List{"71053", "85123A"});
  CHECK(found("whi heart") == List{"85123A"});
  CHECK(found("T-LIGHT") == List{"85123A"});
  CHECK(found("creme") == List{"22752"});
  CHECK(found("mace") == List{"P-9"});
  CHECK(found("\xd1\x85\xd0\xbb\xd0\xb5") == List{"\xd0\x9a"});
  CHECK(found("nothing like this").empty());
  CHECK(found("").empty());
  CHECK(found("  \"*() ^ ").empty());
  CHECK(found("\" OR 1 --").empty());
  CHECK(must(reader->search_products("HEART", 10)).products.front().sku == "HEART");
  CHECK(must(reader->search_products("w", 10)).products.size() == 2);

  must(store->commit(request_of({till.products({product("71053", "BLACK METAL LANTERN", 339)})})));
  CHECK(found("white") == List{"85123A"});
  CHECK(found("black") == List{"71053"});
}

TEST_CASE("pages of a list and of a search follow one another without gap or repeat") {
  auto store = open_in_memory();
  Till till(1);
  std::vector<titan::entry::v1::Product> many;
  for (int i = 0; i < 53; ++i) many.push_back(product("S" + std::to_string(100 + i), "tea pot", 1));
  must(store->commit(request_of({till.products(many)})));
  auto reader = must(store->open_reader());
  for (const bool search : {false, true}) {
    std::vector<std::string> all;
    std::string after;
    int pages = 0;
    do {
      const ProductPage page = search ? must(reader->search_products("tea", 10, after))
                                      : must(reader->list_products(10, after));
      for (const auto& sku : skus(page)) all.push_back(sku);
      after = page.next;
      ++pages;
    } while (!after.empty() && pages < 20);
    CHECK(pages == 6);
    std::sort(all.begin(), all.end());
    CHECK(std::unique(all.begin(), all.end()) == all.end());
    CHECK(all.size() == 53);
  }
}

TEST_CASE("a product body that does not parse is kept as an entry and changes nothing") {
  auto store = open_in_memory();
  Till till(1);
  EntryDraft draft;
  draft.kind = Kind::product;
  draft.body = "\xff\xff not a product";
  must(store->commit(request_of({till.write(draft)})));
  auto reader = must(store->open_reader());
  CHECK(must(reader->entry_count()) == 1);
  CHECK(must(reader->product_count()) == 0);
}

TEST_CASE("settings and users have layers too") {
  Till cloud(cloud_seed);
  Till till(1);
  auto store = open_in_memory(1, cloud_seed);
  must(store->commit(request_of({cloud.settings({{"low_stock", "5"}, {"footer", "thanks"}}),
                                 till.settings({{"low_stock", "9"}}), cloud.user("u1", "Ann"),
                                 cloud.user("u2", "Bob")})));
  auto reader = must(store->open_reader());
  CHECK(must(reader->settings()) ==
        std::map<std::string, std::string>{{"footer", "thanks"}, {"low_stock", "9"}});
  CHECK(must(reader->users()).size() == 2);
  CHECK(column(*store, "SELECT name || '=' || value || overridden FROM config ORDER BY name") ==
        std::vector<std::string>{"footer=thanks0", "low_stock=91"});
}

TEST_CASE("products are the same after rebuilding them from their entries") {
  auto store = open_in_memory(1, cloud_seed);
  Till cloud(cloud_seed);
  Till till(1);
  auto limited = product("B", "butter", 199, {"96385074"});
  limited.set_low_stock_micro(3'000'000);
  must(store->commit(request_of({cloud.products({product("A", "apple", 10), limited}),
                                 till.products({product("A", "apple, ours", 12)})})));
  auto reader = must(store->open_reader());
  const auto before = must(reader->list_products(100)).products;
  must(store->rebuild_projections());
  CHECK(must(reader->list_products(100)).products == before);
  CHECK(skus(must(reader->search_products("ours", 5))) == std::vector<std::string>{"A"});
  CHECK(must(reader->low_stock_limits()) == std::map<std::string, std::int64_t>{{"B", 3'000'000}});
}
