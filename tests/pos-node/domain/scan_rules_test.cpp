// From a scan to a line: shared and reused codes, labels, symbols that say more, units.
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "pos-node/domain/label_line.h"
#include "retail/check_digits.h"
#include "tests/pos-node/domain/fixtures.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::test;
namespace v1 = titan::entry::v1;

namespace {

v1::Sale sold(Shop& shop, std::vector<LineRequest> lines) {
  const auto ruling = make_sale(sale_of(std::move(lines)), shop.context());
  if (!ruling) FAIL(ruling.error().field + ": " + ruling.error().message);
  return body_of<v1::Sale>(ruling->draft);
}

Error refusal(Shop& shop, LineRequest line) {
  const auto ruling = make_sale(sale_of({std::move(line)}), shop.context());
  REQUIRE(ruling.has_error());
  CHECK(ruling.error().code == ErrorCode::invalid);
  return ruling.error();
}

LineRequest scan(const std::string& code, const char* quantity = nullptr) {
  LineRequest request;
  request.gtin = code;
  if (quantity) request.quantity = decimal(quantity);
  return request;
}

std::string text_of(const v1::Quantity& quantity) {
  return to_text(quantity.value(), quantity.scale()) + " " + quantity.unit();
}

std::string completed(std::string digits) {
  return digits + check_digit_of(digits);
}

Shop german_shop() {
  Shop shop;
  shop.facts.labels = make_label_table("DE", {}).value();
  return shop;
}

LineRead taken_back(Shop& shop, const v1::Line& line, const LineRequest& request) {
  const RuleContext context = shop.context();
  auto read = read_line(request, {context, 20111006, "GBP", 2, &line, "lines[0]."});
  if (!read) FAIL(read.error().field + ": " + read.error().message);
  return std::move(*read);
}

}  // namespace

TEST_CASE("of two articles with one code the scan finds the one in the range") {
  Shop shop;
  shop.catalogue.add("JAM-A", "2.10").add_gtins("9501101530003");
  shop.catalogue.by_sku["JAM-A"] = [&] {
    auto old = std::make_shared<Product>(*shop.catalogue.by_sku["JAM-A"]);
    old->set_delisted(true);
    return old;
  }();
  shop.catalogue.add("JAM-B", "2.40").add_gtins("09501101530003");
  auto sale = sold(shop, {scan("9501101530003", "1")});
  CHECK(sale.lines(0).sku() == "JAM-B");
  CHECK(sale.lines(0).flags_size() == 0);
  // Only delisted ones left: sold all the same.
  shop.catalogue.by_sku.erase("JAM-B");
  sale = sold(shop, {scan("9501101530003", "1")});
  CHECK(sale.lines(0).sku() == "JAM-A");
  CHECK(has_flag(sale.lines(0).flags(), flag::delisted));
  CHECK_FALSE(has_flag(sale.lines(0).flags(), flag::gtin_shared));
}

TEST_CASE("a code of several articles in the range is flagged if the till chose, not the screen") {
  Shop shop;
  shop.catalogue.add("CUP", "3").add_gtins("9501101530003");
  shop.catalogue.add("CUP-OFFER", "2").add_gtins("9501101530003");
  auto sale = sold(shop, {scan("9501101530003", "1")});
  CHECK(has_flag(sale.lines(0).flags(), flag::gtin_shared));
  LineRequest chosen = line("CUP-OFFER", "1");
  chosen.gtin = "9501101530003";
  sale = sold(shop, {chosen});
  CHECK(sale.lines(0).sku() == "CUP-OFFER");
  CHECK(sale.lines(0).flags_size() == 0);
  chosen.sku = "POT";
  shop.catalogue.add("POT", "9");
  CHECK(has_flag(sold(shop, {chosen}).lines(0).flags(), flag::gtin_of_other_product));
}

TEST_CASE("a UPC-E is what the table knows, not what a check digit says") {
  Shop shop;
  shop.catalogue.add("SODA", "1.20").add_gtins("012345000065");
  auto sale = sold(shop, {scan("01234565", "1")});  // a right EAN-8 too
  CHECK(sale.lines(0).sku() == "SODA");
  CHECK(sale.lines(0).gtin_scanned() == "012345000065");
  CHECK(sale.lines(0).flags_size() == 0);
  shop.catalogue.add("MINT", "0.80").add_gtins("01234565");
  sale = sold(shop, {scan("01234565", "1")});
  CHECK(has_flag(sale.lines(0).flags(), flag::gtin_shared));
  CHECK(sold(shop, {scan("]E4"
                         "01234565",
                         "1")})
            .lines(0)
            .sku() == "MINT");
}

TEST_CASE("a scan in whatever form finds the article, and what it says more is kept") {
  Shop shop;
  shop.catalogue.add("HAM", "18.00").add_gtins("9506000134352");
  for (const char* form : {"9506000134352", "]E09506000134352\r\n", "09506000134352",
                           "https://id.example/01/09506000134352"}) {
    INFO(form);
    const auto sale = sold(shop, {scan(form, "1")});
    CHECK(sale.lines(0).sku() == "HAM");
    CHECK(sale.lines(0).flags_size() == 0);
    CHECK_FALSE(sale.lines(0).has_scan());
  }
  const auto sale = sold(shop, {scan("]d20109506000134352"
                                     "17110930"
                                     "10L-7\x1D"
                                     "21S9\r",
                                     "1")});
  const v1::Line& line = sale.lines(0);
  CHECK(line.sku() == "HAM");
  CHECK(line.gtin_scanned() == "9506000134352");
  CHECK(line.scan().lot() == "L-7");
  CHECK(line.scan().serial() == "S9");
  CHECK(line.scan().expiry() == 20110930);
  CHECK(line.scan().symbol() ==
        "]d20109506000134352"
        "17110930"
        "10L-7|21S9");
  CHECK(has_flag(line.flags(), flag::expired));
  CHECK_FALSE(has_flag(sold(shop, {scan("]d20109506000134352"
                                        "17111006",
                                        "1")})
                           .lines(0)
                           .flags(),
                       flag::expired));
}

TEST_CASE("an unknown scan is sold under its article's number") {
  Shop shop;
  LineRequest unknown = scan(
      "]C101"
      "09506000134352"
      "10L\r",
      "1");
  unknown.charged_unit_price = decimal("4");
  const auto sale = sold(shop, {unknown});
  CHECK(sale.lines(0).sku() == "9506000134352");
  CHECK(has_flag(sale.lines(0).flags(), flag::unknown_product));
  CHECK(sale.lines(0).scan().lot() == "L");
  unknown.gtin =
      "]C100"
      "195011015300000015";
  CHECK(sold(shop, {unknown}).lines(0).sku() == "00195011015300000015");
  unknown.gtin = std::string(100, '7');
  CHECK(refusal(shop, unknown).field == "lines[0].gtin");
}

TEST_CASE("an article whose sku is its barcode, or the text on the shelf, is found by the scan") {
  Shop shop;
  shop.catalogue.add("9501101530003", "2.10");
  shop.catalogue.add("012345000065", "1.20");
  shop.catalogue.add("SHELF-9", "3.00");
  const std::vector<std::pair<const char*, const char*>> scans = {
      {"9501101530003", "9501101530003"},
      {"\r]E09501101530003\n", "9501101530003"},
      {"\x02]E09501101530003\x03\r\n", "9501101530003"},
      {"09501101530003", "9501101530003"},
      {"]C1"
       "0109501101530003"
       "10L-7",
       "9501101530003"},
      {"https://id.example/01/09501101530003", "9501101530003"},
      {"012345000065", "012345000065"},
      {"0012345000065", "012345000065"},
      {"01234565", "012345000065"},
      {"SHELF-9", "SHELF-9"},
      {"]C0SHELF-9", "SHELF-9"}};
  for (const auto& [code, sku] : scans) {
    INFO(code);
    const auto found = match_scan(read_scan(code, {}, 20111006), shop.catalogue);
    REQUIRE(found.has_value());
    REQUIRE(found->matches.size() == 1);
    CHECK(found->in_range == 1);
    CHECK(found->matches[0].product->sku() == sku);
    const auto sale = sold(shop, {scan(code, "1")});
    CHECK(sale.lines(0).sku() == sku);
    CHECK_FALSE(has_flag(sale.lines(0).flags(), flag::unknown_product));
    CHECK(sale.lines(0).tax_rate_basis_points() == 2000);
    LineRequest chosen = line(sku, "1");
    chosen.gtin = code;
    CHECK_FALSE(has_flag(sold(shop, {chosen}).lines(0).flags(), flag::gtin_of_other_product));
  }
  // A sku is what it is: no zeros are put before a number of the shop's own.
  shop.catalogue.add("77", "1");
  CHECK(match_scan(read_scan("0077", {}, 20111006), shop.catalogue)->matches.empty());
  // Of another article's barcode the sku says nothing.
  shop.catalogue.add("JAM", "5").add_gtins("9501101530003");
  CHECK(sold(shop, {scan("9501101530003", "1")}).lines(0).sku() == "JAM");
  // But one that is still sold goes before one that is not.
  shop.catalogue.add("JAM", "5").add_gtins("9501101530003");
  auto old = std::make_shared<Product>(*shop.catalogue.by_sku["JAM"]);
  old->set_delisted(true);
  shop.catalogue.by_sku["JAM"] = old;
  CHECK(sold(shop, {scan("9501101530003", "1")}).lines(0).sku() == "9501101530003");
  shop.catalogue.by_sku.erase("9501101530003");
  CHECK(sold(shop, {scan("9501101530003", "1")}).lines(0).sku() == "JAM");
}

TEST_CASE("a label's article may have the number with a value of zero as its sku") {
  Shop shop = german_shop();
  shop.catalogue.add(completed("233071000000"), "19.99").set_unit("kg");
  auto sale = sold(shop, {scan("2330714002396", "1")});  // 2.39
  CHECK(sale.lines(0).sku() == completed("233071000000"));
  CHECK(sale.total_minor() == 239);
  // The full number as sku is an article of exactly this number, no label.
  shop.catalogue.add("2330714002396", "7.00");
  sale = sold(shop, {scan("2330714002396", "1")});
  CHECK(sale.lines(0).sku() == "2330714002396");
  CHECK(sale.total_minor() == 700);
}

TEST_CASE("a weight label is its weight, however the screen counts") {
  Shop shop = german_shop();
  shop.catalogue.add("APPLE", "2.99").set_unit("kg");
  shop.catalogue.by_sku["APPLE"] = [&] {
    auto apple = std::make_shared<Product>(*shop.catalogue.by_sku["APPLE"]);
    apple->add_gtins("3071");
    return apple;
  }();
  const std::string label = "2930711068700";  // 6.870 kg
  for (const char* quantity : {static_cast<const char*>(nullptr), "1", "6.870", "6.87"}) {
    const auto sale = sold(shop, {scan(label, quantity)});
    CHECK(sale.lines(0).sku() == "APPLE");
    CHECK(stock_units(sale.lines(0).quantity()) == 6'870'000);
    CHECK(sale.total_minor() == 2054);
    CHECK(sale.lines(0).gtin_scanned() == completed("293071000000"));
    CHECK(to_text(sale.lines(0).scan().measure().value(), 3) == "6.870");
  }
  CHECK(stock_units(sold(shop, {scan(label, "2")}).lines(0).quantity()) == 13'740'000);
  CHECK(stock_units(sold(shop, {scan(label, "-1")}).lines(0).quantity()) == -6'870'000);
  LineRequest by_hand = scan(label, "5");
  by_hand.unit = "kg";
  CHECK(stock_units(sold(shop, {by_hand}).lines(0).quantity()) == 5'000'000);
  // Sold by the piece in the table: the label and the table do not go together.
  shop.catalogue.add("3071", "2.99");
  shop.catalogue.by_sku.erase("APPLE");
  CHECK(refusal(shop, scan(label)).message.find("kg cannot be counted in pieces") !=
        std::string::npos);
}

TEST_CASE("a price label's line comes to the price on it") {
  Shop shop = german_shop();
  Product& cheese = shop.catalogue.add("3071", "19.99");
  cheese.set_unit("kg");
  const auto sale = sold(shop, {scan("2330714002396", "1")});  // 2.39
  CHECK(sale.lines(0).sku() == "3071");
  CHECK(sale.total_minor() == 239);
  CHECK(text_of(sale.lines(0).quantity()) == "0.120 kg");
  CHECK(to_decimal(sale.lines(0).list_unit_price()) == decimal("19.99"));
  CHECK(has_flag(sale.lines(0).flags(), flag::label_value));
  CHECK(sold(shop, {scan("2330714002396", "3")}).total_minor() == 717);

  cheese.set_unit("");  // by the piece
  CHECK(sold(shop, {scan("2330714002396")}).total_minor() == 239);
  CHECK(text_of(sold(shop, {scan("2330714002396", "2")}).lines(0).quantity()) == "2 ");
  LineRequest reduced = scan("2330714002396", "1");
  reduced.charged_unit_price = decimal("1.00");
  CHECK(sold(shop, {reduced}).total_minor() == 100);
  // Not in the table: sold at its price.
  shop.catalogue.by_sku.clear();
  CHECK(sold(shop, {scan("2330714002396", "1")}).total_minor() == 239);
}

TEST_CASE("a price label takes back what it bought at the price that was charged") {
  Shop shop = german_shop();
  shop.catalogue.add("3071", "19.99").set_unit("kg");
  const std::string label = "2330714002396";  // 2.39
  const v1::Line one = sold(shop, {scan(label, "1")}).lines(0);
  REQUIRE(text_of(one.quantity()) == "0.120 kg");
  const v1::Line three = sold(shop, {scan(label, "3")}).lines(0);
  REQUIRE(text_of(three.quantity()) == "0.359 kg");
  // What the article costs today, or that it is gone, says nothing of that sale.
  shop.catalogue.add("3071", "35.00").set_unit("g");
  for (const char* quantity : {static_cast<const char*>(nullptr), "1"}) {
    const LineRead read = taken_back(shop, one, scan(label, quantity));
    CHECK(read.line.quantity == decimal("0.120"));
    CHECK(read.line.unit == "kg");
    CHECK_FALSE(read.line.charged_unit_price);
    CHECK(has_flag(read.article.flags, flag::label_value));
  }
  shop.catalogue.by_sku.clear();
  CHECK(taken_back(shop, one, scan(label)).line.quantity == decimal("0.120"));
  CHECK(taken_back(shop, three, scan(label)).line.quantity == decimal("0.120"));
  CHECK(taken_back(shop, three, scan(label, "2")).line.quantity == decimal("0.239"));
  CHECK(taken_back(shop, three, scan(label, "3")).line.quantity == decimal("0.359"));
  CHECK(taken_back(shop, three, scan(label, "-1")).line.quantity == decimal("-0.120"));
  // By hand it is what the hand says.
  CHECK(taken_back(shop, three, scan(label, "0.2")).line.quantity == decimal("0.2"));
  LineRequest by_hand = scan(label, "1");
  by_hand.unit = "kg";
  CHECK(taken_back(shop, three, by_hand).line.quantity == decimal("1"));
}

TEST_CASE("what was sold under one label comes back under it whole") {
  Shop shop = german_shop();
  REQUIRE(rc::check([&] {
    Product& product = shop.catalogue.add("3071", "1");
    product.set_unit(*rc::gen::elementOf(std::vector<std::string>{"kg", "g", "l"}));
    set_price(*product.mutable_price(),
              {*rc::gen::inRange<std::int64_t>(1, 20'000), *rc::gen::inRange(2U, 5U)});
    std::string value = std::to_string(*rc::gen::inRange(1, 100'000));
    value.insert(0, 5 - value.size(), '0');
    const std::string label = completed(std::string("233071") + *value_check_digit(value) + value);
    const auto ruling = make_sale(sale_of({scan(label, "1")}), shop.context());
    RC_PRE(ruling.has_value());
    const v1::Line line = body_of<v1::Sale>(ruling->draft).lines(0);
    const LineRead read = taken_back(shop, line, scan(label));
    RC_ASSERT(
        rescale_exactly(read.line.quantity, decimal_scale_max) ==
        rescale_exactly({line.quantity().value(), line.quantity().scale()}, decimal_scale_max));
  }));
}

TEST_CASE(
    "labels of what is sold by the piece come back by the piece; what has no price, not at all") {
  Shop shop = german_shop();
  shop.catalogue.add("3071", "19.99");
  const v1::Line pieces = sold(shop, {scan("2330714002396", "3")}).lines(0);
  CHECK(taken_back(shop, pieces, scan("2330714002396")).line.quantity == decimal("1"));
  CHECK(taken_back(shop, pieces, scan("2330714002396", "2")).line.quantity == decimal("2"));
  // Weight and price in one symbol: the weight.
  Product& ham = shop.catalogue.add("HAM", "18.00");
  ham.set_unit("kg");
  ham.add_gtins("9506000134352");
  const std::string symbol =
      "]e0"
      "0109506000134352"
      "3103000195"
      "3922"
      "349";
  v1::Line weighed = sold(shop, {scan(symbol)}).lines(0);
  CHECK(taken_back(shop, weighed, scan(symbol)).line.quantity == decimal("0.195"));
  const std::string priced =
      "]e0"
      "0109506000134352"
      "3922"
      "349";
  weighed = sold(shop, {scan(priced)}).lines(0);
  REQUIRE(text_of(weighed.quantity()) == "0.194 kg");
  CHECK(taken_back(shop, weighed, scan(priced)).line.quantity == decimal("0.194"));
  set_price(*weighed.mutable_charged_unit_price(), {0, 2});
  const auto context = shop.context();
  const auto read = read_line(scan(priced), {context, 20111006, "GBP", 2, &weighed, "lines[4]."});
  REQUIRE(read.has_error());
  CHECK(read.error().field == "lines[4].quantity");
}

TEST_CASE("whatever a label's price, the line comes to it exactly") {
  Shop shop = german_shop();
  shop.catalogue.add("3071", "1");
  REQUIRE(rc::check([&] {
    auto product = std::make_shared<Product>(*shop.catalogue.by_sku["3071"]);
    product->set_unit("kg");
    set_price(*product->mutable_price(), {*rc::gen::inRange<std::int64_t>(1, 20000), 2});
    shop.catalogue.by_sku["3071"] = product;
    const auto price = *rc::gen::inRange(1, 100'000);
    std::string value = std::to_string(price);
    value.insert(0, 5 - value.size(), '0');
    const std::string label = completed(std::string("233071") + *value_check_digit(value) + value);
    const auto ruling = make_sale(sale_of({scan(label, "1")}), shop.context());
    RC_ASSERT(ruling.has_value());
    RC_ASSERT(body_of<v1::Sale>(ruling->draft).total_minor() == price);
  }));
}

TEST_CASE("an article of exactly the label's number is no label; a misread value is refused") {
  Shop shop = german_shop();
  shop.catalogue.add("POSTER", "5.00").add_gtins("2330714002396");
  shop.catalogue.add("3071", "19.99");
  auto sale = sold(shop, {scan("2330714002396", "1")});
  CHECK(sale.lines(0).sku() == "POSTER");
  CHECK(sale.total_minor() == 500);
  CHECK_FALSE(sale.lines(0).has_scan());

  const std::string misread = completed("233071500239");
  CHECK(refusal(shop, scan(misread, "1")).message.find("misread") != std::string::npos);
  LineRequest by_hand = scan(misread, "1");
  by_hand.charged_unit_price = decimal("2.39");
  sale = sold(shop, {by_hand});
  CHECK(sale.lines(0).sku() == "3071");
  CHECK(has_flag(sale.lines(0).flags(), flag::label_check_digit));
  // Without the setting nothing is read into the digits.
  shop.facts.labels = {};
  by_hand.gtin = "2330714002396";
  shop.catalogue.by_sku.erase("POSTER");
  CHECK(sold(shop, {by_hand}).lines(0).sku() == "2330714002396");
}

TEST_CASE("weight and price within a GS1 symbol") {
  Shop shop;
  Product& ham = shop.catalogue.add("HAM", "18.00");
  ham.set_unit("kg");
  ham.add_gtins("9506000134352");
  auto sale = sold(shop, {scan("]e0"
                               "0109506000134352"
                               "3103000195",
                               "1")});
  CHECK(text_of(sale.lines(0).quantity()) == "0.195 kg");
  CHECK(sale.total_minor() == 351);
  sale = sold(shop, {scan("]e0"
                          "0109506000134352"
                          "3103000195"
                          "3922"
                          "349",
                          "1")});
  CHECK(text_of(sale.lines(0).quantity()) == "0.195 kg");
  CHECK(sale.total_minor() == 349);
  CHECK_FALSE(has_flag(sale.lines(0).flags(), flag::scan_incomplete));
  // Dearer in the symbol's money than in the sale's: not taken.
  sale = sold(shop, {scan("]e0"
                          "0109506000134352"
                          "3103000195"
                          "3932978"
                          "349",
                          "1")});
  CHECK(sale.total_minor() == 351);
  CHECK(has_flag(sale.lines(0).flags(), flag::scan_incomplete));
  CHECK_FALSE(sale.lines(0).scan().has_price());  // the record has no currency of it
  CHECK(sale.lines(0).scan().symbol().ends_with("3932978349"));
  sale = sold(shop, {scan("]e0"
                          "0109506000134352"
                          "3103000195"
                          "3932826"
                          "349",
                          "1")});
  CHECK(sale.total_minor() == 349);
  CHECK_FALSE(has_flag(sale.lines(0).flags(), flag::scan_incomplete));
  ham.set_unit("g");
  set_price(*ham.mutable_price(), decimal("0.018"));
  CHECK(text_of(sold(shop, {scan("]e0"
                                 "0109506000134352"
                                 "3103000195")})
                    .lines(0)
                    .quantity()) == "195 g");
}

TEST_CASE("a quantity in another unit is converted, or refused with the reason") {
  Shop shop;
  shop.catalogue.add("TEA", "24.00").set_unit("kg");
  shop.catalogue.add("MUG", "6.00");
  LineRequest grams = line("TEA", "640");
  grams.unit = "g";
  auto sale = sold(shop, {grams});
  CHECK(text_of(sale.lines(0).quantity()) == "0.64 kg");
  CHECK(sale.total_minor() == 1536);
  CHECK(has_flag(sale.lines(0).flags(), flag::unit_converted));
  grams.unit = "KG";
  grams.quantity = decimal("0.5");
  sale = sold(shop, {grams});
  CHECK(text_of(sale.lines(0).quantity()) == "0.5 kg");
  CHECK(sale.lines(0).flags_size() == 0);
  LineRequest pieces = line("MUG", "2");
  pieces.unit = "Stk";
  CHECK(text_of(sold(shop, {pieces}).lines(0).quantity()) == "2 ");
  pieces.unit = "g";
  const Error error = refusal(shop, pieces);
  CHECK(error.field == "lines[0].unit");
  CHECK(error.message.find("2 g cannot be counted in pieces") != std::string::npos);
  CHECK(error.message.find("\"MUG\"") != std::string::npos);
  grams.unit = "l";
  refusal(shop, grams);
  grams.unit = "bunch";
  refusal(shop, grams);
  // A price per gram of an article priced per kilogram: whose price is it?
  grams = line("TEA", "640", "0.024");
  grams.unit = "g";
  CHECK(refusal(shop, grams).message.find("priced per kg") != std::string::npos);
  // Of what is not in the table the screen alone knows the unit.
  LineRequest unknown = line("CLOTH", "3", "2.00");
  unknown.unit = "ell";
  CHECK(text_of(sold(shop, {unknown}).lines(0).quantity()) == "3 ell");
}

TEST_CASE("movements: units, codes and labels as in sales") {
  Shop shop;
  Product& ham = shop.catalogue.add("HAM", "18.00");
  ham.set_unit("kg");
  ham.add_gtins("9506000134352");
  MovementRequest request;
  request.kind = mesh::Kind::delivery;
  request.lines = {{"HAM", "", decimal("2500"), "g", {}},
                   {"",
                    "]C1"
                    "0109506000134352"
                    "3103012500",
                    {},
                    {},
                    {}}};
  auto ruling = make_movement(request, shop.context());
  REQUIRE(ruling.has_value());
  CHECK(ruling->draft.stock_effects[0] == crdt::StockEffect{"HAM", 15'000'000, 0});
  CHECK(has_flag(body_of<v1::StockMovement>(ruling->draft).lines(0).flags(), flag::unit_converted));
  request.lines = {{"HAM", "", decimal("2"), "pcs", {}}};
  ruling = make_movement(request, shop.context());
  REQUIRE(ruling.has_error());
  CHECK(ruling.error().field == "lines[0].unit");
  request.lines = {{"", "9506000134352", {}, {}, {}}};
  ruling = make_movement(request, shop.context());
  REQUIRE(ruling.has_error());
  CHECK(ruling.error().field == "lines[0].quantity");
}

TEST_CASE("any scan makes a line or a refusal with a reason") {
  Shop shop = german_shop();
  Product& ham = shop.catalogue.add("HAM", "18.00");
  ham.set_unit("kg");
  ham.add_gtins("9506000134352");
  shop.catalogue.add("3071", "2.99").set_unit("kg");
  const std::vector<std::string> parts = {"]C1",
                                          "]e0",
                                          "]E0",
                                          "01",
                                          "09506000134352",
                                          "3103000195",
                                          "3922",
                                          "0349",
                                          "10L",
                                          "\x1D",
                                          "|",
                                          "17110930",
                                          "(01)",
                                          "2930711068700",
                                          "2330714002396",
                                          "\r",
                                          " 05",
                                          "https://a.b/01/"};
  REQUIRE(rc::check([&] {
    std::string code;
    const auto count = *rc::gen::inRange(1, 8);
    for (int i = 0; i < count; ++i) code += *rc::gen::elementOf(parts);
    LineRequest any = scan(code);
    if (*rc::gen::arbitrary<bool>())
      any.quantity = {*rc::gen::inRange<std::int64_t>(1, 5000), *rc::gen::inRange(0U, 4U)};
    if (*rc::gen::arbitrary<bool>()) any.charged_unit_price = decimal("2.00");
    const auto ruling = make_sale(sale_of({any}), shop.context());
    if (ruling) {
      const auto sale = body_of<v1::Sale>(ruling->draft);
      RC_ASSERT(!sale.lines(0).sku().empty());
      RC_ASSERT(sale.lines(0).quantity().value() != 0);
    } else {
      RC_ASSERT(ruling.error().message.size() > 10U);
      RC_ASSERT(ruling.error().field.starts_with("lines[0]"));
    }
  }));
}
