#include "crdt/stock.h"

#include <catch2/catch.hpp>

#include "base/random.h"

using namespace titan;
using namespace titan::crdt;

namespace {

Hash hash_of(std::uint8_t value) {
  Hash hash;
  hash.bytes.fill(value);
  return hash;
}

const Hash no_claim;

}  // namespace

TEST_CASE("Sales take stock out, deliveries bring it in") {
  Stock stock;
  const auto delivery = stock.apply(hash_of(1), no_claim, {{"22423", 5'000'000, 0}});
  REQUIRE(delivery.size() == 1);
  CHECK(delivery[0].before == 0);
  CHECK(delivery[0].after == 5'000'000);
  const auto sale = stock.apply(hash_of(2), no_claim, {{"22423", 0, 6'000'000}});
  CHECK(sale.at(0).after == -1'000'000);
  CHECK(stock.on_hand("22423") == -1'000'000);
  CHECK(stock.sum("22423") == StockSum{5'000'000, 6'000'000});
  CHECK(stock.on_hand("other") == 0);
  stock.check_invariants();
}

TEST_CASE("Lines of one product in one entry are one change") {
  Stock stock;
  const auto changes =
      stock.apply(hash_of(1), no_claim, {{"b", 0, 1}, {"a", 0, 2}, {"b", 0, 3}, {"c", 0, 0}});
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].product == "a");
  CHECK(changes[0].after == -2);
  CHECK(changes[1].product == "b");
  CHECK(changes[1].after == -4);
  stock.check_invariants();
}

TEST_CASE("Codes that differ by case are different products") {
  Stock stock;
  stock.apply(hash_of(1), no_claim, {{"85123a", 0, 1}});
  CHECK(stock.on_hand("85123a") == -1);
  CHECK(stock.on_hand("85123A") == 0);
}

TEST_CASE("Of one claim the smallest hash moves stock") {
  Stock stock;
  const Hash claim = hash_of(9);
  stock.apply(hash_of(5), claim, {{"a", 1, 0}});
  CHECK(stock.apply(hash_of(5), claim, {{"a", 1, 0}}).empty());
  CHECK(stock.apply(hash_of(7), claim, {{"a", 3, 0}}).empty());
  CHECK(stock.claim_won_by(claim, hash_of(5)));

  const auto changes = stock.apply(hash_of(2), claim, {{"b", 10, 0}});
  REQUIRE(changes.size() == 2);
  CHECK(stock.on_hand("a") == 0);
  CHECK(stock.on_hand("b") == 10);
  CHECK(stock.claim_won_by(claim, hash_of(2)));
  CHECK_FALSE(stock.claim_won_by(claim, hash_of(5)));
  // A product that only the displaced entry touched leaves no trace.
  CHECK_FALSE(stock.sums().contains("a"));
  stock.check_invariants();
}

TEST_CASE("A claim that changes hands with the same effects changes nothing") {
  Stock stock;
  stock.apply(hash_of(5), hash_of(9), {{"a", 1, 0}});
  CHECK(stock.apply(hash_of(2), hash_of(9), {{"a", 1, 0}}).empty());
  CHECK(stock.on_hand("a") == 1);
}

TEST_CASE("The digest is part of the protocol and never changes") {
  // Computed apart from this code, from the formula in the header.
  CHECK(product_digest("22423", {0, 0}) == 0);
  CHECK(product_digest("22423", {5'000'000, 6'000'000}) == 6054162522342102883ULL);
  CHECK(product_digest("", {1, 0}) == 4372440450141040650ULL);
  CHECK(product_digest("22423", {1, 0}) != product_digest("22423", {0, 1}));
  CHECK(product_digest("22423", {1, 1}) != product_digest("22423", {0, 0}));
}

TEST_CASE("A stock from a checkpoint goes on where it was") {
  Stock stock;
  stock.apply(hash_of(1), no_claim, {{"a", 7, 2}, {"b", 0, 1}});
  stock.apply(hash_of(5), hash_of(9), {{"a", 1, 0}});
  Stock restored(stock.sums(), stock.claims());
  restored.check_invariants();
  CHECK(restored.digest() == stock.digest());
  restored.apply(hash_of(2), hash_of(9), {{"c", 1, 0}});
  stock.apply(hash_of(2), hash_of(9), {{"c", 1, 0}});
  CHECK(restored.sums() == stock.sums());
  CHECK(restored.digest() == stock.digest());
}

TEST_CASE("Sums wrap without harm, whatever a peer sends") {
  Stock stock;
  stock.apply(hash_of(1), no_claim, {{"a", ~0ULL, 0}});
  stock.apply(hash_of(2), no_claim, {{"a", 2, 0}});
  CHECK(stock.on_hand("a") == 1);
  stock.check_invariants();
}
