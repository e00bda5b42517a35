// What spreadsheets and other systems make of a product list.
#include <catch2/catch.hpp>

#include "retail/catalogue/csv_list.h"

using namespace titan;
using namespace titan::retail;

namespace {

ProductList read(const std::string& text, const std::string& type = "text/csv") {
  return read_product_csv(text, {"EUR", type});
}
Product product(const ProductList& list, std::size_t at = 0) {
  INFO((list.refusal ? list.refusal->message : std::string()));
  REQUIRE(list.is_good());
  REQUIRE(list.products.size() > at);
  return patched(list.products[at], nullptr, "EUR");
}
std::string refusal(const ProductList& list) {
  REQUIRE(list.refusal);
  return list.refusal->message;
}
bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}
std::string utf16(const std::string& ascii, bool big) {
  std::string text = big ? "\xFE\xFF" : "\xFF\xFE";
  for (const char c : ascii) text += big ? std::string{'\0', c} : std::string{c, '\0'};
  return text;
}

}  // namespace

TEST_CASE("separators: semicolon, tab, a sep= line, found by the header") {
  for (const std::string text :
       {"sku;price\nA;3,20\n", "sku\tprice\nA\t3,20\n", "sep=;\r\nsku;price\r\nA;3,20\r\n",
        "\"sep=;\"\nsku;price\nA;3,20\n", "sku|price\nA|3,20\n", "sku,price\nA,\"3,20\"\n",
        "sku,price\rA,3.20\r", "sku,price\r\r\nA,3.20\r\r\n", "sku,price\r\nA,3.20\r\n\x1A",
        "Sep=;\nsku;price\nA;3,20\n"}) {
    INFO(text);
    CHECK(product(read(text)).price().amount() == 320);
  }
  CHECK(contains(refusal(read("sep=:\nsku:price\n")), "separator"));
  // The line is counted with the sep= line above it.
  CHECK(read("sep=;\nsku;price\nA;x\n").refusal.value().field == "line 3");
}

TEST_CASE("headers in capitals, with blanks; blank rows and trailing empty columns") {
  const auto list =
      read("SKU,Tax Rate,Low Stock,Price,,\nA,19,2,1.50,,\n,,,,,\n , ,,,,\nB,7,,2.50,,\n");
  CHECK(product(list).taxes_size() == 0);
  CHECK(product(list).tax_rate_basis_points() == 1900);
  CHECK(product(list, 1).sku() == "B");
  CHECK(list.rows == 2);
  CHECK(contains(refusal(read("sku,price,\nA,1.50,stray\n")), "no name"));
}

TEST_CASE("a line break inside a cell is a blank in a name, and a fault in a sku") {
  CHECK(product(read("sku,description\nA,\"tea\npot\r\nblue\"\n")).description() == "tea pot blue");
  CHECK(contains(refusal(read("sku,description\n\"A\nB\",x\n")), "control character"));
}

TEST_CASE("encodings: marks, declared, evident, and what is none of them") {
  CHECK(product(read(utf16("sku;price\nA;3,20\n", false))).price().amount() == 320);
  CHECK(product(read(utf16("sku;price\nA;3,20\n", true))).price().amount() == 320);
  CHECK(product(read(utf16("sku,price\nA,3\n", false).substr(2))).sku() == "A");

  const std::string western =
      "sku,description\nA,Cr\xE8me br\xFBl\xE9"
      "e \x80\n";
  const std::string utf8 =
      "Cr\xC3\xA8me br\xC3\xBBl\xC3\xA9"
      "e \xE2\x82\xAC";
  const auto evident = read(western);
  CHECK(product(evident).description() == utf8);
  CHECK(evident.warning_count == 1);
  const auto declared = read(western, "text/csv; charset=Windows-1252");
  CHECK(product(declared).description() == utf8);
  CHECK(declared.warning_count == 0);

  CHECK(contains(refusal(read(western, "text/csv; charset=utf-8")), "not UTF-8"));
  // Good UTF-8 before a bad byte: damage, no other encoding.
  CHECK(contains(refusal(read("sku,description\nA,\xC3\xA9\nB,\xE9\n")), "Line 3"));
  // Another alphabet in an encoding of its own.
  CHECK(contains(refusal(read("sku,description\nA,\xD5\xEB\xE5\xE1\n")), "not UTF-8"));
  CHECK(contains(refusal(read("sku\nA\n", "text/csv; charset=koi8-r")), "charset"));
  CHECK(contains(refusal(read(std::string("\xFF\xFEs\0k", 5))), "UTF-16"));
}

TEST_CASE(
    "codes that a spreadsheet destroyed are refused by row, those it only dressed are taken") {
  const auto list = read("gtin,price\n4.00638E+12,1\n4.00638E+12,2\n4006381333931,3\n");
  CHECK(list.fault_count == 2);
  CHECK(contains(refusal(list), "format the column") == false);
  CHECK(contains(refusal(list), "Format the column as text"));
  CHECK(refusal(read("gtin;price\n4,00638E+12;1\n")).size() > 0);
  CHECK(refusal(read("sku,price\n1E+05,1\n")).size() > 0);
  CHECK(product(read("sku,price\n1E5,1\n")).sku() == "1E5");
  CHECK(refusal(read("gtin\n345678901234567000000\n")).size() > 0);
  CHECK(refusal(read("sku,description\nA,#REF!\n")).size() > 0);

  CHECK(product(read("sku,gtin\n=\"007\",=\"0036000291452\"\n")).sku() == "007");
  CHECK(product(read("sku,gtin\n\"=\"\"007\"\"\",'0036000291452\n")).gtins(0) == "0036000291452");
  const auto dressed = read("sku,gtin\nA,4006381333931.0\n");
  CHECK(product(dressed).gtins(0) == "4006381333931");
  CHECK(dressed.warning_count == 1);
  CHECK(contains(read("sku,gtin\nA,36000291452\n").warnings.at(0), "zero of 036000291452"));
}

TEST_CASE("a rounded code without a plus; a sku dressed as a number; no barcode at all") {
  for (const std::string code : {"7.61234e12", "7.61234E12", "\"7,61E12\""}) {
    INFO(code);
    CHECK(contains(refusal(read("sku,gtin\nA," + code + "\n")), "rounded"));
    CHECK(contains(refusal(read("sku,price\n" + code + ",1\n")), "rounded"));
  }
  CHECK(product(read("sku,price\n7E12,1\n")).sku() == "7E12");
  const auto dressed = read("sku,price\n7612345678900.0,1\n");
  CHECK(product(dressed).sku() == "7612345678900");
  CHECK(dressed.warning_count == 1);
  CHECK(product(read("sku,price\n12.0,1\n")).sku() == "12.0");
  CHECK(product(read("sku,gtin\n=7612345678900,=7612345678900\n")).sku() == "7612345678900");
  CHECK(product(read("sku,gtin\n7,=7612345678900\n")).gtins(0) == "7612345678900");
  CHECK(product(read("sku,gtin\nA,False\n")).gtins_size() == 0);
}

TEST_CASE("a code whose digits are grouped is one code, several codes are several") {
  for (const std::string cell :
       {"\"7,612,345,678,900\"", "7 612 345 678 900", "7.612.345.678.900", "7'612'345'678'900",
        "7\xC2\xA0"
        "612\xC2\xA0"
        "345\xC2\xA0"
        "678\xC2\xA0"
        "900",
        "7\xE2\x80\xAF"
        "612\xE2\x80\xAF"
        "345\xE2\x80\xAF"
        "678\xE2\x80\xAF"
        "900",
        "7 612345 678900", "\"7,612,345,678,900.00\""}) {
    INFO(cell);
    const auto list = read("sku,gtin\nA," + cell + "\n");
    REQUIRE(product(list).gtins_size() == 1);
    CHECK(product(list).gtins(0) == "7612345678900");
    CHECK(list.warning_count == 1);
  }
  CHECK(product(read("sku,gtin\nA,7612345678900 96385074\n")).gtins_size() == 2);
  CHECK(product(read("sku,gtin\nA,7612345678900;96385074\n")).gtins_size() == 2);
  CHECK(product(read("sku,gtin\nA,4011 4012\n")).gtins_size() == 2);
}

TEST_CASE("numbers in the shop's own style, decided for the list") {
  const auto list = read("sku;price;low_stock\nA;\"1.299,00 \xE2\x82\xAC\";2,5\nB;1.299;1\n");
  CHECK(product(list).price().amount() == 129900);
  CHECK(product(list, 1).price().amount() == 1299);
  CHECK(product(list).low_stock_micro() == 2'500'000);
  const auto doubtful = read("sku;price\nA;1.299\nB;5\nC;2.499\n");
  CHECK(doubtful.fault_count == 2);
  CHECK(contains(refusal(doubtful), "1.299 or 1299"));
}

TEST_CASE("a price in another currency than the article's is refused by row") {
  CHECK(contains(refusal(read("sku,price\nA,12.50 USD\n")), "priced in EUR"));
  CHECK(contains(refusal(read("sku,price\nA,\xC2\xA3"
                              "12.50\n")),
                 "priced in EUR"));
  CHECK(product(read("sku,price,currency\nA,$12.50,CAD\n")).price().amount() == 1250);
  CHECK(product(read("sku;price\nA;EUR 12,50\n")).price().amount() == 1250);
}

TEST_CASE("exports of other systems are known by their columns") {
  const auto square = read(
      "Token,Item Name,Variation Name,SKU,Description,Categories,Price,GTIN,Archived,Enabled X\n"
      "T1,Tea,Regular,T-1,long text,Drinks,3.50,4006381333931,N,Y\n"
      "T2,Tea,Large,T-2,long text,Drinks,variable,,Y,Y\n");
  CHECK(product(square).description() == "Tea");
  CHECK(product(square).category() == "Drinks");
  CHECK(product(square, 1).description() == "Tea Large");
  CHECK_FALSE(product(square, 1).has_price());
  CHECK(product(square, 1).delisted());
  REQUIRE(square.warnings.size() == 1);
  CHECK(contains(square.warnings[0], "Square"));
  CHECK(contains(square.warnings[0], "Enabled X"));

  const auto shopify = read(
      "Handle,Title,Body (HTML),Vendor,Type,Option1 Value,Variant SKU,Variant Price,"
      "Variant Barcode,Image Src,Status\n"
      "mug,Mug,<p>x</p>,Acme,Kitchen,Red,M-R,4.00,'4006381333931,a.jpg,active\n"
      "mug,,,,,Blue,M-B,4.50,,b.jpg,\n"
      "mug,,,,,,,,,c.jpg,\n");
  CHECK(product(shopify).gtins(0) == "4006381333931");
  CHECK(product(shopify).brand() == "Acme");
  CHECK(product(shopify, 1).description() == "Mug Blue");
  CHECK(shopify.products.size() == 2);

  const auto woo = read(
      "ID,Type,SKU,\"GTIN, UPC, EAN, or ISBN\",Name,Published,Regular price,Categories,Low stock "
      "amount\n"
      "1,simple,W-1,4006381333931,Lamp,1,19.90,Home,0\n2,variable,W-0,,Group,1,,Home,\n");
  CHECK(product(woo).description() == "Lamp");
  CHECK(product(woo).has_low_stock_micro());
  CHECK(woo.products.size() == 1);

  const auto odoo = read(
      "Internal Reference,Name,Barcode,Sales Price,Cost,Unit of Measure,Product Category\n"
      "O-1,Desk,4006381333931,99.00,50.00,Units,All / Desks\nO-2,Rope,,2.00,1.00,m,All\n");
  CHECK(product(odoo).unit().empty());
  CHECK(product(odoo, 1).unit() == "m");
  CHECK(product(odoo).price().amount() == 9900);

  const auto loyverse = read(
      "Handle,SKU,Name,Category,Sold by weight,Option 1 value,Cost,Barcode,Price [Main],"
      "Available for sale [Main]\n"
      "apple,10001,Apple,Fruit,Y,,0.50,,3.20,N\n");
  CHECK(product(loyverse).unit() == "kg");
  CHECK(product(loyverse).price().amount() == 320);
  CHECK(product(loyverse).delisted());

  CHECK(contains(refusal(read("sku,Wholesale price\nA,1\n")), "unknown column"));
}
