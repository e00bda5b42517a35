// A product list counts whole or not at all, in whatever order its entries arrive.
#include <algorithm>

#include <catch2/catch.hpp>

#include "fixture.h"
#include "mesh/wire/product_list.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

constexpr std::uint64_t cloud_seed = 77;
constexpr int products_many = 6000;

// Incompressible enough to need several parts.
std::vector<titan::entry::v1::Product> catalogue(int count, std::int64_t price) {
  std::vector<titan::entry::v1::Product> products;
  Random random(static_cast<std::uint64_t>(price));
  for (int i = 0; i < count; ++i) {
    std::string words;
    for (int word = 0; word < 8; ++word) words += Hash::draw(random).hex().substr(0, 30) + " ";
    products.push_back(product("L" + std::to_string(i), words, price));
  }
  return products;
}

// The prices in force: one, if no list is half in force.
std::vector<std::string> prices(SqliteStore& store) {
  return column(store, "SELECT DISTINCT price_amount FROM products ORDER BY 1");
}

}  // namespace

TEST_CASE("a list is in force once its last entry is here, all of it at once") {
  auto store = open_in_memory();
  Till till(1);
  const auto old = till.product_list(catalogue(products_many, 100), 1);
  const auto fresh = till.product_list(catalogue(products_many, 200), 2);
  REQUIRE(fresh.size() > 3);
  must(store->commit(request_of(old)));
  CHECK(prices(*store) == std::vector<std::string>{"100"});
  for (const EntryPointer& entry : fresh) {
    CHECK(prices(*store) == std::vector<std::string>{"100"});
    must(store->commit(request_of({entry})));
  }
  CHECK(prices(*store) == std::vector<std::string>{"200"});
  CHECK(number(*store, "SELECT count(*) FROM products") == products_many);
}

TEST_CASE("entries of a list arrive in any order, and a later list stays in force") {
  Till till(1);
  const auto old = till.product_list(catalogue(products_many, 100), 1);
  const auto fresh = till.product_list(catalogue(products_many, 200), 2);
  std::vector<EntryPointer> all = fresh;
  all.insert(all.end(), old.begin(), old.end());
  std::rotate(all.begin(), all.begin() + 2, all.end());  // the newer one misses two parts
  auto store = open_in_memory();
  for (const EntryPointer& entry : all) must(store->commit(request_of({entry})));
  CHECK(prices(*store) == std::vector<std::string>{"200"});
  must(store->rebuild_projections());
  CHECK(prices(*store) == std::vector<std::string>{"200"});
  CHECK(number(*store, "SELECT count(*) FROM product_lists WHERE in_force = 1") == 2);
}

TEST_CASE("without its last entry or with a part missing a list is nowhere") {
  auto store = open_in_memory();
  Till till(1);
  auto entries = till.product_list(catalogue(products_many, 100));
  SECTION("no last entry") {
    entries.pop_back();
  }
  SECTION("no second part") {
    entries.erase(entries.begin() + 1);
  }
  must(store->commit(request_of(entries)));
  CHECK(prices(*store).empty());
  must(store->rebuild_projections());
  CHECK(prices(*store).empty());
}

TEST_CASE("a list whose parts are not what its last entry says is not in force") {
  auto store = open_in_memory();
  Till till(1);
  const auto good = till.product_list(catalogue(products_many, 100), 1);
  titan::entry::v1::ProductListPart swapped;
  swapped.ParseFromString(good[0]->envelope.body);
  swapped.mutable_data()->back() ^= 1;
  EntryDraft draft;
  draft.kind = Kind::product_list_part;
  draft.body = swapped.SerializeAsString();
  std::vector<EntryPointer> entries = good;
  entries[0] = till.write(draft);
  must(store->commit(request_of(entries)));
  CHECK(prices(*store).empty());
  CHECK(number(*store, "SELECT in_force FROM product_lists") == -1);
}

TEST_CASE("the feed's list is the feed's layer, and a till's override stands above it") {
  auto store = open_in_memory(1, cloud_seed);
  Till cloud(cloud_seed);
  Till till(1);
  must(store->commit(request_of(cloud.product_list(catalogue(50, 100)))));
  must(store->commit(request_of(till.product_list(catalogue(10, 300), 2))));
  CHECK(prices(*store) == std::vector<std::string>{"100", "300"});
  CHECK(number(*store, "SELECT count(*) FROM products WHERE overridden = 1") == 10);
}

TEST_CASE("a threshold of zero and several taxes are what a reader gets back") {
  auto store = open_in_memory();
  Till till(1);
  auto zero = product("Z", "made to order");
  zero.set_low_stock_micro(0);
  auto taxed = product("T", "taxed twice");
  for (const auto& [code, rate] : {std::pair{"GST", 5'000'000U}, std::pair{"QST", 9'975'000U}}) {
    taxed.add_taxes()->set_code(code);
    taxed.mutable_taxes()->rbegin()->set_rate_micropercent(rate);
  }
  must(store->commit(request_of({till.products({zero, taxed})})));
  auto reader = must(store->open_reader());
  CHECK(must(reader->product("Z"))->low_stock_micro == 0);
  CHECK_FALSE(must(reader->product("T"))->low_stock_micro.has_value());
  CHECK(must(reader->product("T"))->taxes ==
        std::vector<StoredTax>{{"GST", 5'000'000, false}, {"QST", 9'975'000, false}});
  CHECK(must(reader->low_stock_limits()) == std::map<std::string, std::int64_t>{{"Z", 0}});
}
