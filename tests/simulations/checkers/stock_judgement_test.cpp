#include "simulations/checkers/stock_judgement.h"

#include <catch2/catch.hpp>

namespace titan::simulations {

TEST_CASE("what is certain counts, of what is uncertain any part") {
  PossibleStock stock;
  stock.add_certain(100);
  stock.add_certain(-3);
  CHECK(stock.allows(97));
  CHECK_FALSE(stock.allows(96));
  CHECK(stock.text() == "97");
  stock.add_choice({0, -5});
  stock.add_choice({0, -2});
  for (const int allowed : {97, 95, 92, 90}) CHECK(stock.allows(allowed));
  for (const int refused : {98, 96, 94, 93, 91, 89}) CHECK_FALSE(stock.allows(refused));
  CHECK(stock.text() == "90..97 (97 certain)");
}

TEST_CASE("of a claim one way counts, none is no way") {
  PossibleStock stock;
  stock.add_choice({4, 6});
  CHECK(stock.allows(4));
  CHECK(stock.allows(6));
  CHECK_FALSE(stock.allows(0));
  CHECK_FALSE(stock.allows(10));
}

TEST_CASE("with too many different sums the interval remains") {
  PossibleStock stock;
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < 40; ++i) {
    stock.add_choice({0, std::int64_t{1} << i});
    sum += std::int64_t{1} << i;
  }
  CHECK(stock.allows(sum));
  CHECK(stock.allows(0));
  CHECK_FALSE(stock.allows(-1));
  CHECK_FALSE(stock.allows(sum + 1));
}

}  // namespace titan::simulations
