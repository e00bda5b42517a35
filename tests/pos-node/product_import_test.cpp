#include <catch2/catch.hpp>

#include "pos-node/api/product_reader.h"
#include "pos-node/domain/product_import.h"
#include "retail/csv.h"

using namespace titan;
using namespace titan::pos;

namespace {

void check_refused(const std::string& csv, const std::string& field, const std::string& part) {
  INFO(csv);
  const auto list = read_product_csv(csv, "GBP");
  REQUIRE(list.has_error());
  CHECK(list.error().field == field);
  INFO(list.error().message);
  CHECK(list.error().message.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("columns come in any order, quotes and line ends as spreadsheets write them") {
  const auto list = read_product_csv(
      "\xEF\xBB\xBFprice,sku,description,gtin,low_stock,tax_rate_basis_points\r\n"
      "2.55,85123A,\"Holder, \"\"white\"\"\r\nhanging\",4006381333931;96385074,10,2000\r\n"
      "\r\n"
      ",85123a,Caf\xC3\xA9,,,\r\n",
      "GBP");
  REQUIRE(list.has_error());  // a line break inside a description garbles receipts
  CHECK(list.error().field == "line 2");

  const auto good = read_product_csv(
      "price,sku,description,gtin,low_stock,tax_rate_basis_points\r\n"
      "2.55,85123A,\"Holder, \"\"white\"\"\",4006381333931;96385074,10,2000\r\n"
      "\r\n"
      ",85123a,Caf\xC3\xA9,,,\r\n",
      "GBP");
  REQUIRE(good.has_value());
  REQUIRE(good->products.size() == 2);
  const Product& first = *good->products[0];
  CHECK(first.sku() == "85123A");
  CHECK(first.description() == "Holder, \"white\"");
  CHECK(first.price().amount() == 255);
  CHECK(first.gtins_size() == 2);
  CHECK(first.low_stock_micro() == 10'000'000);
  CHECK(first.currency() == "GBP");
  CHECK(first.tax_included());
  CHECK_FALSE(good->products[1]->has_price());
  CHECK(good->warnings.empty());
}

TEST_CASE("the public catalogue's columns are understood") {
  const auto list = read_product_csv("gtin,name,brand,price\n0019320001376,Cookies,,\n", "EUR");
  REQUIRE(list.has_value());
  CHECK(list->products[0]->sku() == "0019320001376");
  CHECK(list->products[0]->description() == "Cookies");
}

TEST_CASE("odd barcodes and repeated skus are warned of, not refused") {
  const auto list =
      read_product_csv("sku,gtin,price\nA,4006381333932,1\nB,4006381333932,1\nA,00009,2\n", "GBP");
  REQUIRE(list.has_value());
  CHECK(list->rows == 3);
  REQUIRE(list->products.size() == 2);
  CHECK(list->products[0]->price().amount() == 2);  // the later one counts
  CHECK(list->warning_count == 5);
  CHECK(list->warnings[0].find("line 2") != std::string::npos);
  CHECK(list->warnings[0].find("check digit") != std::string::npos);
}

TEST_CASE("a bad list is refused with line and column, whole") {
  check_refused("", "line 1", "empty");
  check_refused("sku,colour\nA,red\n", "line 1", "unknown column \"colour\"");
  check_refused("sku,price,sku\n", "line 1", "twice");
  check_refused("description,price\nx,1\n", "line 1", "neither");
  check_refused("sku,price\nA,1\nB\n", "line 3", "has 1 columns");
  check_refused("sku,price\nA,1,2\n", "line 2", "has 3 columns");
  check_refused("sku,price\nA,\"1,50\"\n", "line 2", "column 2");
  check_refused("sku,description\nA,\"open\nB,x\n", "line 2", "never closed");
  check_refused("sku,description\nA,half\"quote\n", "line 2", "quote");
  check_refused("sku,description\nA,\"x\" y\n", "line 2", "closing quote");
  check_refused("sku,description\nA,caf\xE9\n", "line 2", "UTF-8");
  check_refused(std::string("\xFF\xFEs\0k\0u\0", 8), "line 1", "UTF-16");
  check_refused("sku,tax_rate_basis_points\nA,20%\n", "line 2", "basis points");
  check_refused("sku,currency\nA,pounds\n", "line 2", "currency code");
  check_refused("sku,low_stock\nA,-1\n", "line 2", "zero or more");
  check_refused("sku,delisted\nA,maybe\n", "line 2", "true or false");
  check_refused("sku,price\n,1\n", "line 2", "needs a sku or a gtin");
  check_refused("sku,price\n A,1\n", "line 2", "blank");
  check_refused("sku\rA\r", "line 1", "carriage return");
}

TEST_CASE("a JSON list follows the same rules") {
  const auto good = read_product_json(
      R"({"products":[{"sku":"A","gtins":["4006381333931"],"price":2.55,"low_stock":"3"}]})",
      "GBP");
  REQUIRE(good.has_value());
  CHECK(good->products[0]->price().amount() == 255);
  CHECK(good->products[0]->price().exponent() == 2);

  const auto unknown = read_product_json(R"({"products":[{"sku":"A","colour":"red"}]})", "GBP");
  REQUIRE(unknown.has_error());
  CHECK(unknown.error().field == "products[0].colour");
  CHECK(read_product_json("{}", "GBP").error().field == "products");
  CHECK(read_product_json(R"({"products":[{"price":"1"}]})", "GBP").error().field ==
        "products[0].sku");
  CHECK(
      read_product_json(R"({"products":[{"sku":"A","price":"1.2345678"}]})", "GBP").error().field ==
      "products[0].price");
}
