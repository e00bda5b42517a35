// Products from head office, from a till's JSON and from CSV: one reader, one table of defaults.
#include <catch2/catch.hpp>

#include "retail/catalogue/csv_list.h"
#include "retail/catalogue/json_list.h"

using namespace titan;
using namespace titan::retail;

namespace {

ProductList csv(const std::string& text, const std::string& currency = "GBP") {
  return read_product_csv(text, {currency, "text/csv"});
}
ProductList json(const std::string& text, const std::string& currency = "GBP") {
  return read_product_json(text, {currency, false});
}
Product fresh(const ProductList& list, std::size_t at = 0, const std::string& currency = "GBP") {
  REQUIRE(list.is_good());
  REQUIRE(list.products.size() > at);
  return patched(list.products[at], nullptr, currency);
}
Product over(const ProductList& list, const Product& base) {
  REQUIRE(list.is_good());
  return patched(list.products.at(0), &base, "GBP");
}

void check_refused(const std::string& text, const std::string& field, const std::string& part) {
  INFO(text);
  const ProductList list = csv(text);
  REQUIRE(list.refusal);
  CHECK(list.refusal->field == field);
  INFO(list.refusal->message);
  CHECK(list.refusal->message.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("columns come in any order, quotes and line ends as spreadsheets write them") {
  const auto list =
      csv("\xEF\xBB\xBFprice,sku,description,gtin,low_stock,tax_rate_basis_points\r\n"
          "2.55,85123A,\"Holder, \"\"white\"\"\",4006381333931;96385074,10,2000\r\n"
          "\r\n"
          ",85123a,Caf\xC3\xA9,,,\r\n");
  const Product first = fresh(list);
  CHECK(first.sku() == "85123A");
  CHECK(first.description() == "Holder, \"white\"");
  CHECK(first.price().amount() == 255);
  CHECK(first.gtins_size() == 2);
  CHECK(first.low_stock_micro() == 10'000'000);
  CHECK(first.currency() == "GBP");
  CHECK(first.tax_included());
  CHECK_FALSE(fresh(list, 1).has_price());
  CHECK(list.warnings.empty());
}

TEST_CASE("what is not said means the same in CSV and JSON, at the till and at head office") {
  const Product of_csv = fresh(csv("sku,price\nM1,4.00\n"));
  const Product of_json = fresh(json(R"({"products":[{"sku":"M1","price":"4.00"}]})"));
  CHECK(of_csv.SerializeAsString() == of_json.SerializeAsString());
  CHECK(of_csv.tax_included());
  CHECK_FALSE(of_csv.has_low_stock_micro());
  CHECK(fresh(json(R"({"products":[{"sku":"M1"}]})", ""), 0, "").currency().empty());
}

TEST_CASE("a list says nothing of columns it does not have, and clears what it has empty") {
  const Product before =
      fresh(csv("sku,gtin,name,price,tax_code,tax_rate,low_stock,tax_included\n"
                "M1,4006381333931,Mug,4.00,R,7,0,false\n"));
  const Product dearer = over(csv("sku,price\nM1,4.50\n"), before);
  CHECK(dearer.price().amount() == 450);
  CHECK(dearer.gtins_size() == 1);
  CHECK(dearer.tax_rate_basis_points() == 700);
  CHECK(dearer.tax_code() == "R");
  CHECK(dearer.has_low_stock_micro());
  CHECK(dearer.low_stock_micro() == 0);
  CHECK_FALSE(dearer.tax_included());

  const Product cleared =
      over(csv("sku,gtin,name,price,tax_rate,low_stock,tax_included\nM1,,,,,,\n"), before);
  CHECK(cleared.gtins_size() == 0);
  CHECK(cleared.description().empty());
  CHECK_FALSE(cleared.has_price());
  CHECK(cleared.tax_rate_basis_points() == 0);
  CHECK(cleared.tax_code() == "R");
  CHECK_FALSE(cleared.has_low_stock_micro());
  CHECK(cleared.tax_included());

  const Product kept =
      over(json(R"({"products":[{"sku":"M1","price":null,"gtins":null}]})"), before);
  CHECK(kept.SerializeAsString() == before.SerializeAsString());
  const Product emptied =
      over(json(R"({"products":[{"sku":"M1","price":"","gtins":[],"tax_included":""}]})"), before);
  CHECK_FALSE(emptied.has_price());
  CHECK(emptied.gtins_size() == 0);
  CHECK(emptied.tax_included());
}

TEST_CASE("taxes: finer than a basis point, several, exempt, and back to one") {
  const Product fine = fresh(csv("sku,tax_code,tax_rate\nM1,S,8.875\n"));
  REQUIRE(fine.taxes_size() == 1);
  CHECK(fine.taxes(0).rate_micropercent() == 8'875'000);
  CHECK(fine.tax_code() == "S");

  const Product several = fresh(csv("sku,taxes\nM1,GST:5;QST:9.975\n"));
  const Product same = fresh(json(
      R"({"products":[{"sku":"M1","taxes":[{"code":"GST","rate":"5"},{"code":"QST","rate":9.975}]}]})"));
  CHECK(several.SerializeAsString() == same.SerializeAsString());
  REQUIRE(several.taxes_size() == 2);
  CHECK(several.taxes(1).rate_micropercent() == 9'975'000);

  const Product exempt = over(csv("sku,tax_exempt\nM1,yes\n"), fine);
  REQUIRE(exempt.taxes_size() == 1);
  CHECK(exempt.taxes(0).exempt());
  CHECK(exempt.taxes(0).rate_micropercent() == 0);
  const Product single = over(csv("sku,tax_code,tax_rate\nM1,S,20\n"), several);
  CHECK(single.taxes_size() == 0);
  CHECK(single.tax_rate_basis_points() == 2000);

  check_refused("sku,taxes,tax_code\nM1,GST:5,S\n", "line 2", "leave tax_code out");
  check_refused("sku,tax_rate,tax_rate_basis_points\nM1,5,600\n", "line 2",
                "one of them is enough");
  check_refused("sku,tax_exempt,tax_rate\nM1,true,5\n", "line 2", "contradict");
  check_refused("sku,taxes\nM1,GST\n", "line 2", "code, colon, percent");
}

TEST_CASE("odd and shared barcodes and repeated skus are warned of, not refused") {
  const auto list = csv("sku,gtin,price\nA,4006381333932,1\nB,4006381333932,1\nA,00009,2\n");
  REQUIRE(list.is_good());
  CHECK(list.rows == 3);
  REQUIRE(list.products.size() == 2);
  CHECK(list.products[0].said.price().amount() == 2);  // the later one counts
  CHECK(list.warning_count == 5);
  CHECK(list.warnings[0].find("line 2") != std::string::npos);
  CHECK(list.warnings[0].find("check digit") != std::string::npos);
  // 12 and 13 digits of one article are one code.
  CHECK(csv("sku,gtin\nA,036000291452\nB,0036000291452\n").warning_count == 1);
}

TEST_CASE("a price finer than the smallest coin and a currency nobody knows are warned of by row") {
  CHECK(csv("sku,price\nA,1.234\n").warning_count == 1);
  CHECK(csv("sku,price\nA,1.234\n").warnings[0].find("1234") != std::string::npos);
  // Exact, but written with three digits behind the mark: a thousand may be meant.
  CHECK(csv("sku,price\nA,1.230\n").warnings.at(0).find("1230") != std::string::npos);
  CHECK(csv("sku;price\nA;3,000\n").warnings.at(0).find("3000") != std::string::npos);
  CHECK(csv("sku,price\nA,0.010\n").warning_count == 0);
  CHECK(csv("sku,price\nA,1.2300\n").warning_count == 0);
  CHECK(csv("sku,price\nA,1.234\n", "KWD").warning_count == 0);
  CHECK(csv("sku,price\nA,1.50\n", "JPY").warning_count == 1);
  CHECK(csv("sku,price,currency\nA,1,EUO\n").warning_count == 1);
}

TEST_CASE("a whole number's thousands mark is read as one, a stock limit's is warned of") {
  for (const std::string text :
       {"sku,tax_rate_basis_points\nA,\"1,900\"\n", "sku,tax_rate_basis_points\nA,1.900\n",
        "sku;tax_rate_basis_points\nA;1,900\n", "sku\ttax_rate_basis_points\nA\t1.900\n",
        "sku,tax_rate_basis_points\nA,1900.0\n"}) {
    INFO(text);
    CHECK(fresh(csv(text)).tax_rate_basis_points() == 1900);
  }
  CHECK(
      json(R"({"products":[{"sku":"A","tax_rate_basis_points":"1.900"}]})").refusal.value().field ==
      "products[0].tax_rate_basis_points");

  const auto doubtful = csv("sku,low_stock\nA,3.000\n");
  CHECK(fresh(doubtful).low_stock_micro() == 3'000'000);
  REQUIRE(doubtful.warning_count == 1);
  CHECK(doubtful.warnings[0].find("low_stock 3.000") != std::string::npos);
  CHECK(csv("sku,low_stock\nA,0.250\n").warning_count == 0);
  CHECK(fresh(csv("sku;low_stock;price\nA;3.000;1,50\n")).low_stock_micro() == 3'000'000'000);
}

TEST_CASE("a product given twice: what the later row says counts, the rest stays") {
  const std::string text = R"({"products":[
      {"sku":"A","description":"Mug","price":"4","tax_code":"R","tax_exempt":true},
      {"sku":"A","price":"5","tax_rate":"7"}]})";
  const auto list = json(text);
  REQUIRE(list.products.size() == 1);
  CHECK(list.warning_count == 1);
  const Product mug = fresh(list);
  CHECK(mug.description() == "Mug");
  CHECK(mug.price().amount() == 5);
  CHECK(mug.tax_code() == "R");
  CHECK(mug.tax_rate_basis_points() == 700);
  CHECK(mug.taxes_size() == 0);  // no longer exempt
  const auto whole = read_product_json(text, {"GBP", false, ListMode::replace});
  CHECK(fresh(whole).description().empty());
  CHECK(fresh(whole).tax_code().empty());

  const Product several = fresh(json(R"({"products":[
      {"sku":"A","taxes":[{"code":"G","rate":"5"},{"code":"Q","rate":"9"}]},
      {"sku":"A","tax_rate":"6"}]})"));
  CHECK(several.taxes_size() == 0);
  CHECK(several.tax_code() == "G");
  CHECK(several.tax_rate_basis_points() == 600);
  CHECK_FALSE(
      fresh(json(R"({"products":[{"sku":"A","price":"4"},{"sku":"A","price":""}]})")).has_price());
}

TEST_CASE("codes with characters that nobody sees are refused") {
  const std::string hidden = "\xE2\x80\x8B";
  for (const std::string column : {"gtin", "unit", "tax_code"}) {
    check_refused("sku," + column + "\nA,40" + hidden + "06\n", "line 2", "invisible");
    // Outside, a spreadsheet's blanks are no part of the cell.
    CHECK(csv("sku," + column + "\nA,\xC2\xA0kg\xEF\xBB\xBF\n").is_good());
  }
  check_refused("sku,taxes\nA,G" + hidden + "S:5\n", "line 2", "invisible");
  const auto field_of = [](const std::string& text) { return json(text).refusal.value().field; };
  CHECK(field_of(R"({"products":[{"sku":"A","gtins":["40)" + hidden + R"(06"]}]})") ==
        "products[0].gtins");
  CHECK(field_of(R"({"products":[{"sku":"A","unit":"k)" + hidden + R"(g"}]})") ==
        "products[0].unit");
  CHECK(json("\xEF\xBB\xBF"
             R"({"products":[{"sku":"A"}]})")
            .is_good());
}

TEST_CASE("a bad list is refused with line and column, whole") {
  check_refused("", "line 1", "empty");
  check_refused("sku,colour\nA,red\n", "line 1", "unknown column \"colour\"");
  check_refused("sku,price,sku\n", "line 1", "twice");
  check_refused("gtin,gtins\n", "line 1", "twice");
  check_refused("description,price\nx,1\n", "line 1", "neither");
  check_refused("sku,price\nA,1\nB\n", "line 3", "has 1 columns");
  check_refused("sku,price\nA,1,2\n", "line 2", "has 3 columns");
  check_refused("sku,price\nA,cheap\n", "line 2", "column 2");
  check_refused("sku,description\nA,\"open\nB,x\n", "line 2", "never closed");
  check_refused("sku,description\nA,half\"quote\n", "line 2", "quote");
  check_refused("sku,description\nA,\"x\" y\n", "line 2", "closing quote");
  check_refused("sku,tax_rate_basis_points\nA,20%\n", "line 2", "no number");
  check_refused("sku,tax_rate_basis_points\nA,20.5\n", "line 2", "basis points");
  check_refused("sku,currency\nA,pounds\n", "line 2", "currency code");
  check_refused("sku,low_stock\nA,-1\n", "line 2", "zero or more");
  check_refused("sku,delisted\nA,maybe\n", "line 2", "true or false");
  check_refused("sku,price\n,1\n", "line 2", "needs a sku or a gtin");
  check_refused("sku,price\n A,1\n", "line 2", "blank");
}

TEST_CASE("all faults of a list are told at once, up to a limit") {
  const auto list = csv("sku,price,currency\nA,x,EUR\nB,1,euro\nC,1,EUR\n,2,EUR\n");
  REQUIRE(list.refusal);
  CHECK(list.products.empty());
  REQUIRE(list.fault_count == 3);
  CHECK(list.faults[0].row == "line 2");
  CHECK(list.faults[0].column == "price");
  CHECK(list.faults[1].row == "line 3");
  CHECK(list.faults[1].column == "currency");
  CHECK(list.faults[2].column == "sku");
  std::string many = "sku,price\n";
  for (int i = 0; i < 500; ++i) many += "A,x\n";
  CHECK(csv(many).faults.size() == import_faults_max);
}

TEST_CASE("a JSON list follows the same rules") {
  const auto good =
      json(R"({"products":[{"sku":"A","gtins":["4006381333931"],"price":2.55,"low_stock":"3"}]})");
  CHECK(fresh(good).price().amount() == 255);
  CHECK(fresh(good).price().exponent() == 2);

  const auto field_of = [](const std::string& text) { return json(text).refusal.value().field; };
  CHECK(field_of(R"({"products":[{"sku":"A","colour":"red"}]})") == "products[0].colour");
  CHECK(field_of(R"({"products":[{"sku":"A","clears_override":true}]})") ==
        "products[0].clears_override");
  CHECK(field_of("{}") == "products");
  CHECK(field_of(R"({"products":[{"price":"1"}]})") == "products[0].sku");
  CHECK(field_of(R"({"products":[{"sku":"A","price":"1.2345678"}]})") == "products[0].price");
  CHECK(field_of(R"({"products":[{"sku":"A","price":1.23456789012345678}]})") ==
        "products[0].price");
  CHECK(field_of(R"({"products":[{"sku":"A","gtins":["4.00638E+12"]}]})") == "products[0].gtins");
  CHECK(field_of(R"({"products":[{"sku":"A","gtins":["4006381333931.0"]}]})") ==
        "products[0].gtins");
  CHECK(field_of(R"({"products":[{"sku":"4006381333931.0"}]})") == "products[0].sku");
  CHECK(field_of(R"({"products":[{"sku":"A","gtins":["4.00638e12"]}]})") == "products[0].gtins");
  CHECK(field_of("[]") == "");

  const auto two = json(R"({"products":[{"sku":"H1","price":"1","currency":"gbp"},
      {"sku":"0123456789012345678901234567890123456789012345678901234567890123456789"}]})");
  REQUIRE(two.fault_count == 2);
  CHECK(two.faults[0].row + "." + two.faults[0].column == "products[0].currency");
  CHECK(two.faults[1].row + "." + two.faults[1].column == "products[1].sku");
}
