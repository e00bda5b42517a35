// What a person types behind `titan-pos sell`, and what an error of the API is called there.
#include "pos-node/cli/sale_words.h"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "pos-node/cli/error_words.h"

using namespace titan;
using namespace titan::pos;

namespace {

// "85123A*2@2.50 22720": sku*quantity@price, as far as stated.
std::string read(const std::vector<std::string>& words) {
  const auto lines = read_sale_words(words);
  if (!lines) return "refused: " + lines.error().message;
  std::string text;
  for (const SaleWord& line : *lines) {
    text += (text.empty() ? "" : " ") + line.sku;
    if (!line.quantity.empty()) text += "*" + line.quantity;
    if (!line.price.empty()) text += "@" + line.price;
  }
  return text;
}

bool starts_refused(const std::string& text) {
  return text.starts_with("refused: ");
}

std::string words_of(const std::string& field, const std::string& message,
                     const std::vector<std::string>& articles = {"85123A", "22720"}) {
  boost::json::object error{{"code", "invalid"}, {"field", field}, {"message", message}};
  return error_words(boost::json::object{{"error", error}}, articles);
}

}  // namespace

TEST_CASE("a quantity stands behind its article, in the forms that people write") {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"85123A", "x2"},
                                             {"85123A", "2x"},
                                             {"85123A", "x", "2"},
                                             {"85123A", "X2"},
                                             {"85123A",
                                              "\xC3\x97"
                                              "2"}}) {
    CHECK(read(words) == "85123A*2");
  }
  CHECK(read({"85123A", "x2", "22720", "22721", "x3"}) == "85123A*2 22720 22721*3");
  CHECK(read({"85123A", "x0.5"}) == "85123A*0.5");
  CHECK(read({"85123A", "x-1"}) == "85123A*-1");
}

TEST_CASE("a price stands behind its article, with or without a quantity") {
  CHECK(read({"85123A@2.50"}) == "85123A@2.50");
  CHECK(read({"85123A", "@2.50"}) == "85123A@2.50");
  CHECK(read({"85123A", "x2@2.50"}) == "85123A*2@2.50");
  CHECK(read({"85123A", "x2", "@2.50"}) == "85123A*2@2.50");
  CHECK(read({"mail@home"}) == "mail@home");  // no price
}

TEST_CASE("an article may be called like a quantity") {
  CHECK(read({"x2"}) == "x2");  // nothing before it to be two of
  CHECK(read({"x"}) == "x");
  CHECK(read({"85123A", "x"}) == "85123A x");
  CHECK(read({"85123A", "box"}) == "85123A box");
  CHECK(read({"85123A", "7"}) == "85123A 7");
  const auto line = read_sale_words({"85123A", "x2"});
  REQUIRE(line.has_value());
  CHECK(line->front().between == "x2");  // whoever knows the product table asks about it
  const auto joined = read_sale_words({"BOX2"});
  REQUIRE(joined.has_value());
  CHECK(joined->front().sku == "BOX2");
  const auto embedded = read_sale_words({"85123Ax2@1.50"});
  REQUIRE(embedded.has_value());
  CHECK(embedded->front().embedded_sku == "85123A");
  CHECK(embedded->front().embedded_quantity == "2");
}

TEST_CASE("what cannot be meant is refused with the article") {
  const std::string twice = read({"85123A", "x2", "x3"});
  CHECK(starts_refused(twice));
  CHECK(twice.find("85123A has two quantities") != std::string::npos);
  CHECK(starts_refused(read({"85123A@1", "@2"})));
  CHECK(starts_refused(read({"@2.50"})));
  CHECK(starts_refused(read({""})));
}

TEST_CASE("articles named by --sku are taken as they are") {
  const auto lines = read_plain_articles({"x2", "85123Ax2"}, {"3", "1"});
  REQUIRE(lines.has_value());
  CHECK(lines->at(0).sku == "x2");
  CHECK(lines->at(0).quantity == "3");
  CHECK(lines->at(1).embedded_quantity.empty());
  CHECK(read_plain_articles({"x2"}, {})->front().quantity.empty());
  CHECK_FALSE(read_plain_articles({"a", "b"}, {"1"}).has_value());
}

TEST_CASE("an error of the API speaks of what was typed") {
  CHECK(words_of("lines[0].quantity", "lines[0].quantity must be a decimal text like \"2.55\".") ==
        "The quantity of 85123A must be a decimal text like \"2.55\".");
  CHECK(words_of("cashier", "cashier is longer than 64 bytes.") ==
        "--cashier is longer than 64 bytes.");
  CHECK(words_of("lines[1].quantity", "The quantity is missing or zero; leave such a line out.")
            .starts_with("22720: The quantity is missing"));
  CHECK(words_of("lines[0].charged_unit_price", "\"85123A\" has no price: send charged_unit_price.")
            .find("titan-pos sell 85123A@2.50") != std::string::npos);
  CHECK(words_of("",
                 "the disk is behind by 9 entries; repeat in a moment with the same "
                 "idempotency_key")
            .find("titan-pos stock") != std::string::npos);
  CHECK(words_of("sku", "\"x\" is not in the product table.", {}) ==
        "\"x\" is not in the product table.");
}

TEST_CASE("faults of a list are told by row and column") {
  const auto body = boost::json::parse(
      R"({"error":{"code":"invalid","field":"price","message":"2 faults","faults":[
          {"row":3,"column":"price","message":"\"1,2,3\" is no price."},
          {"row":9,"column":"","message":"has no sku."}]}})");
  CHECK(fault_lines(body) ==
        std::vector<std::string>{"row 3, price: \"1,2,3\" is no price.", "row 9: has no sku."});
  CHECK(fault_lines(boost::json::parse("{\"error\":{}}")).empty());
}
