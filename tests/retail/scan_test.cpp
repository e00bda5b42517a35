// What a scanner's bytes say. Numbers of GS1's own examples (company prefix 950), check digits by
// its General Specifications.
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "base/utf8.h"
#include "retail/check_digits.h"
#include "retail/scan/element_strings.h"
#include "retail/scan/plain_codes.h"
#include "retail/scan/scan.h"
#include "retail/text.h"

using namespace titan;
using namespace titan::retail;

namespace {

constexpr std::uint32_t today = 20261129;

Scan scanned(std::string_view bytes, const LabelTable& labels = {}) {
  return read_scan(bytes, labels, today);
}

std::vector<std::string> keys(const Scan& scan) {
  std::vector<std::string> all;
  for (const ScanCandidate& candidate : scan.candidates) all.push_back(candidate.key);
  return all;
}

std::string first(std::string_view bytes) {
  const Scan scan = scanned(bytes);
  return scan.candidates.empty() ? "" : scan.candidates.front().code;
}

std::string amount(const Decimal& decimal) {
  return to_text(decimal);
}

}  // namespace

TEST_CASE("price and weight fields have the check digits of the standard") {
  CHECK(value_check_digit("2875") == '9');  // the standard's own examples
  CHECK(value_check_digit("14685") == '6');
  CHECK(value_check_digit("00239") == '4');  // GS1 Germany's
  CHECK(value_check_digit("00012") == '9');
  CHECK(value_check_digit("06870") == '1');
  CHECK(value_check_digit("0000") == '0');
  CHECK_FALSE(value_check_digit("123"));
  CHECK_FALSE(value_check_digit("123456"));
  CHECK_FALSE(value_check_digit("12x4"));
}

TEST_CASE("whatever scanners hang before and behind a code is no part of it") {
  for (const char* bytes :
       {"9501101530003", "9501101530003\r", "9501101530003\r\n", "\t9501101530003\t",
        " 9501101530003 ", "]E09501101530003", "]E09501101530003\r\n",
        "\xEF\xBB\xBF"
        "9501101530003",
        "9501101530003\xC2\xA0", "]X09501101530003"}) {
    INFO(bytes);
    CHECK(first(bytes) == "9501101530003");
    CHECK(scanned(bytes).complaints.empty());
    CHECK_FALSE(scanned(bytes).says_more());
  }
  CHECK(first("]E495012346") == "95012346");
  CHECK(first("]A0SHELF-17") == "SHELF-17");
  CHECK(first("]C0ABC123\r") == "ABC123");
  CHECK(first("]I119501101530000") == "19501101530000");
  CHECK(first("]E") == "]E");
}

TEST_CASE("UPC-E is expanded by its last digit") {
  CHECK(expanded_upc_e('0', "123450") == "012000003455");
  CHECK(expanded_upc_e('0', "123451") == "012100003454");
  CHECK(expanded_upc_e('0', "123452") == "012200003453");
  CHECK(expanded_upc_e('0', "123453") == "012300000451");
  CHECK(expanded_upc_e('0', "123454") == "012340000053");
  CHECK(expanded_upc_e('0', "123456") == "012345000065");
  CHECK(expanded_upc_e('1', "123459") == "112345000093");
}

TEST_CASE("eight digits are an EAN-8 or a UPC-E, and both are told") {
  // Right by both check digits.
  const Scan both = scanned("01234565");
  CHECK(keys(both) == std::vector<std::string>{"01234565", "012345000065"});
  CHECK(both.candidates[1].equal_rank);
  CHECK(both.complaints.empty());
  // The symbology decides where it is told.
  CHECK(first("]E001234565") == "012345000065");
  CHECK(keys(scanned("]E401234565")) == std::vector<std::string>{"01234565"});
  // Six and seven digits: without number system, without check digit, or a code of the shop's own.
  CHECK(keys(scanned("123456")) == std::vector<std::string>{"123456", "012345000065"});
  CHECK(keys(scanned("1234565")) ==
        std::vector<std::string>{"1234565", "012345000065", expanded_upc_e('1', "234565")});
  CHECK(keys(scanned("0123456")) == std::vector<std::string>{"0123456", "012345000065"});
}

TEST_CASE("a list may have the short form of a UPC that scanners send long") {
  for (const char* upc : {"012000003455", "012100003454", "012300000451", "012340000053",
                          "012345000065", "112345000093"}) {
    INFO(upc);
    for (const std::string& form : {std::string(upc), "]E00" + std::string(upc)}) {
      const Scan scan = scanned(form);
      REQUIRE(scan.candidates.size() >= 2);
      const std::string key = scan.candidates[1].key;
      CHECK(key.size() == 8);
      CHECK(expanded_upc_e(key[0], std::string_view(key).substr(1, 6)) == upc);
    }
  }
  CHECK(scanned("036000291452").candidates.size() == 1);  // has none
}

TEST_CASE("many UPC-E codes are a right EAN-8 too, so the check digit tells nothing") {
  int both = 0;
  constexpr int codes = 1'000'000;
  for (int six = 0; six < codes; six += 7) {
    std::string digits = std::to_string(six);
    digits.insert(0, 6 - digits.size(), '0');
    const std::string code = "0" + digits + expanded_upc_e('0', digits).back();
    both += has_right_check_digit(code);
    const Scan scan = scanned(code);
    bool has_expanded = false;
    for (const std::string& key : keys(scan)) has_expanded |= key == expanded_upc_e('0', digits);
    REQUIRE(has_expanded);
  }
  CHECK(both > codes / 7 / 10);
}

TEST_CASE("add-ons are taken off where they surely stand") {
  for (const char* bytes :
       {"9771234567003 05", "977123456700305", "]E3977123456700305", "]E09771234567003]E105"}) {
    INFO(bytes);
    const Scan scan = scanned(bytes);
    CHECK(first(bytes) == "9771234567003");
    CHECK(scan.add_on == "05");
  }
  CHECK(scanned("978020137962451995").add_on == "51995");
  CHECK(scanned("01234500006551995").add_on == "51995");
  // Twelve and two digits are a GTIN-14 as well: left alone.
  CHECK(scanned("19501101530000").add_on.empty());
  CHECK(first("19501101530000") == "19501101530000");
  CHECK(scanned("]E105").has(ScanFault::add_on_only));
}

TEST_CASE("GS1 element strings: with FNC1, without, in brackets, by any symbol") {
  const char* forms[] = {
      "]C1010950600013435217290331310300019510ABC-1\x1D"
      "21777",
      "]d2010950600013435217290331310300019510ABC-1\x1D"
      "21777\r",
      "]Q3010950600013435217290331310300019510ABC-1|21777",
      "]e0010950600013435217290331310300019510ABC-1<GS>21777",
      "\x1D"
      "010950600013435217290331310300019510ABC-1\x1D"
      "21777",
      "010950600013435217290331310300019510ABC-1\x1D"
      "21777",
      "010950600013435217290331310300019510ABC-1^]21777",
      "(01)09506000134352(17)290331(3103)000195(10)ABC-1(21)777",
      "]C1(01)09506000134352 (17)290331 (3103)000195 (10)ABC-1 (21)777",
      "[)>\x1E"
      "05\x1D"
      "010950600013435217290331310300019510ABC-1\x1D"
      "21777\x1E\x04",
  };
  for (const char* form : forms) {
    INFO(form);
    const Scan scan = scanned(form);
    CHECK(scan.complaints.empty());
    REQUIRE_FALSE(scan.candidates.empty());
    CHECK(scan.candidates[0].code == "9506000134352");
    CHECK(scan.candidates[0].gtin() == "09506000134352");
    CHECK(scan.lot == "ABC-1");
    CHECK(scan.serial == "777");
    CHECK(scan.expiry == 20290331);
    REQUIRE(scan.measure);
    CHECK(amount(scan.measure->quantity) == "0.195");
    CHECK(scan.measure->unit == "kg");
    CHECK(scan.symbol.find('\x1D') == std::string::npos);
  }
}

TEST_CASE("what the identifiers mean") {
  CHECK(scanned("]C102095060001343521512053037"
                "24")
            .pieces == Decimal{24, 0});
  CHECK(scanned("]C1020950600013435215120530"
                "3724")
            .best_before == 20120530);
  CHECK(scanned("]C101095060001343523012").pieces == Decimal{12, 0});
  CHECK(scanned("]C101095060001343523202001234").measure->unit == "lb");
  CHECK(amount(scanned("]C101095060001343523202001234").measure->quantity) == "12.34");
  const Scan priced = scanned(
      "]e001095060001343523922"
      "1234");
  CHECK(amount(priced.price->amount) == "12.34");
  CHECK(priced.price->currency.empty());
  const Scan in_euro = scanned(
      "]e001095060001343523932978"
      "01234");
  CHECK(amount(in_euro.price->amount) == "12.34");
  CHECK(in_euro.price->currency == "EUR");
  // Read and passed over: unit price, variant, a link, customer part numbers.
  const Scan more = scanned("]C1010950600013435220018005000199240X1|241C-2|8200HTTP://A.B|10L1");
  CHECK(more.complaints.empty());
  CHECK(more.lot == "L1");
  CHECK(scanned("]C100195011015300000015").has(ScanFault::no_article));
}

TEST_CASE("a symbol that is odd says so, and what can be read counts") {
  Scan scan = scanned("]C1010950600013435317290331");
  CHECK(scan.has(ScanFault::check_digit));
  CHECK(scan.candidates[0].code == "9506000134353");
  scan = scanned(
      "]C1010950600013435217290230"
      "10L");
  CHECK(scan.has(ScanFault::bad_date));
  CHECK(scan.lot == "L");
  scan = scanned(
      "]C10109506000134352"
      "1712");
  CHECK(scan.has(ScanFault::bad_element));
  CHECK(scan.candidates[0].code == "9506000134352");
  scan = scanned(
      "]C10109506000134352"
      "18290101");
  CHECK(scan.has(ScanFault::unknown_identifier));
  CHECK(scan.candidates[0].code == "9506000134352");
  CHECK(scanned(std::string(2000, '1')).has(ScanFault::too_long));
  CHECK(scanned("\xFF\xFE").has(ScanFault::not_text));
  CHECK(scanned("9501101530004").has(ScanFault::check_digit));
  CHECK(scanned("").candidates.empty());
  for (const ScanComplaint& complaint : scanned("]C10109506000134352"
                                                "1712")
                                            .complaints) {
    CHECK(complaint.message.size() > 20);
  }
}

TEST_CASE("codes of the shop's own stay what they are, whatever signs they have") {
  for (const char* code : {"A|B", "(1)", "(99", "01", "0109", "K-17/3", "a.b/c", "00009",
                           "95012346789", "18 mm", "\xC3\xA4-1"}) {
    INFO(code);
    CHECK(first(code) == code);
  }
}

TEST_CASE("two-digit years have GS1's century, day 00 is the month's last") {
  CHECK(gs1_date("290331", today) == 20290331);
  CHECK(gs1_date("760101", today) == 20760101);  // 50 ahead
  CHECK(gs1_date("770101", today) == 19770101);  // 51 ahead
  CHECK(gs1_date("000101", today) == 20000101);
  CHECK(gs1_date("010101", 20760101) == 21010101);
  CHECK(gs1_date("280200", today) == 20280229);
  CHECK(gs1_date("270200", today) == 20270228);
  CHECK(gs1_date("261231", today) == 20261231);
  for (const char* none : {"261301", "260001", "260431", "2604", "26043x", ""}) {
    CHECK(gs1_date(none, today) == 0);
  }
}

TEST_CASE("GS1 Digital Link") {
  const char* links[] = {
      "https://id.example/01/09506000134352/10/ABC/21/123?17=290331&3103=000195",
      "HTTPS://ID.EXAMPLE/01/09506000134352/10/ABC/21/123?17=290331&3103=000195",
      "http://shop.example/some/path/01/9506000134352/10/ABC/21/"
      "123?utm_source=x&17=290331&3103=000195#a",
      "https://id.example/gtin/09506000134352/lot/ABC/ser/123?exp=290331;3103=000195",
      "]Q1https://id.example/01/09506000134352/10/%41BC/21/12%33?17=290331&3103=000195\r\n",
      "id.example/01/09506000134352/10/ABC/21/123?17=290331&3103=000195",
  };
  for (const char* link : links) {
    INFO(link);
    const Scan scan = scanned(link);
    CHECK(scan.complaints.empty());
    REQUIRE_FALSE(scan.candidates.empty());
    CHECK(scan.candidates[0].code == "9506000134352");
    CHECK(scan.lot == "ABC");
    CHECK(scan.serial == "123");
    CHECK(scan.expiry == 20290331);
    REQUIRE(scan.measure);
    CHECK(amount(scan.measure->quantity) == "0.195");
  }
  CHECK(first("https://id.example/01/95012346") == "0000095012346");
  CHECK(scanned("https://id.example/AQnYUc1gmiCNV4JG").has(ScanFault::compressed_link));
  CHECK(scanned("https://example.com/menu").has(ScanFault::link_without_article));
  CHECK(scanned("https://id.example/01/09506000134353").has(ScanFault::check_digit));
  // What a percent sign hides cannot get into an entry.
  const Scan nasty = scanned("https://id.example/01/09506000134352/10/%00%FFx");
  CHECK(nasty.lot.empty());
  CHECK(nasty.has(ScanFault::bad_element));
}

TEST_CASE("one article in two forms") {
  CHECK(same_code("9501101530003", "09501101530003"));
  CHECK(same_code("9501101530003\r",
                  "]C10109501101530003"
                  "10L|"));
  CHECK(same_code("01234565", "012345000065"));
  CHECK(same_code("https://id.example/01/09501101530003", "]E09501101530003"));
  CHECK(same_code("SHELF-17", "]A0SHELF-17\r"));
  CHECK_FALSE(same_code("9501101530003", "9506000134352"));
  CHECK_FALSE(same_code("", ""));
  const LabelTable german = make_label_table("DE", {}).value();
  CHECK(same_code("2930711068700", "2930710000008", german));
  CHECK_FALSE(same_code("2930711068700", "2930720000005", german));
}

TEST_CASE("any bytes are read without harm") {
  const LabelTable labels = make_label_table("DE", {}).value();
  const std::vector<std::string> pieces = {"]C1",
                                           "]e0",
                                           "]E0",
                                           "]E3",
                                           "01",
                                           "09506000134352",
                                           "(01)",
                                           "(",
                                           ")",
                                           "(17)",
                                           "\x1D",
                                           "|",
                                           "<GS>",
                                           "^]",
                                           "17",
                                           "3103",
                                           "393",
                                           "10",
                                           "%",
                                           "%4",
                                           "https://",
                                           "http",
                                           "/01/",
                                           "/",
                                           "?",
                                           "&",
                                           "=",
                                           "#",
                                           " ",
                                           "\r",
                                           "\xFF",
                                           "\xC2",
                                           "\xEF\xBB\xBF",
                                           "]E1",
                                           "05",
                                           "2930711068700",
                                           "0",
                                           "1",
                                           "9",
                                           std::string(1, '\0'),
                                           "[)>\x1E"
                                           "05\x1D"};
  REQUIRE(rc::check([&] {
    std::string bytes;
    const auto count = *rc::gen::inRange<std::size_t>(0, 14);
    for (std::size_t i = 0; i < count; ++i) {
      const bool raw = *rc::gen::inRange(0, 4) == 0;
      bytes += raw ? *rc::gen::arbitrary<std::string>() : *rc::gen::elementOf(pieces);
    }
    const Scan scan = read_scan(bytes, labels, *rc::gen::inRange(0U, 30'000'000U));
    for (const ScanCandidate& candidate : scan.candidates) {
      RC_ASSERT(!candidate.key.empty());
      RC_ASSERT(is_utf8(candidate.code));
      RC_ASSERT(!has_control_character(candidate.code) || has_control_character(bytes));
      RC_ASSERT(candidate.gtin().empty() || candidate.gtin().size() == 14U);
    }
    RC_ASSERT(scan.candidates.size() < 20U);
    RC_ASSERT(is_utf8(scan.symbol) && is_utf8(scan.lot) && is_utf8(scan.serial));
    RC_ASSERT(scan.expiry == 0 || parse_date(date_text(scan.expiry)).has_value());
    for (const ScanComplaint& complaint : scan.complaints) {
      RC_ASSERT(is_utf8(complaint.message) && complaint.message.size() < 400U);
    }
    same_code(bytes, scan.symbol, labels);
  }));
}

TEST_CASE("what is written as an element string is read as it") {
  REQUIRE(rc::check([] {
    std::string gtin = "0950";
    for (int i = 0; i < 9; ++i) gtin += static_cast<char>('0' + *rc::gen::inRange(0, 10));
    gtin += check_digit_of(gtin);
    const auto lot = *rc::gen::nonEmpty(
        rc::gen::container<std::string>(rc::gen::elementOf(std::string("ABCXYZ0189-_/.+"))));
    RC_PRE(lot.size() <= 20U);
    const auto grams = *rc::gen::inRange(1, 1'000'000);
    std::string weight = std::to_string(grams);
    weight.insert(0, 6 - weight.size(), '0');
    const std::string forms[] = {"]C101" + gtin + "10" + lot + "\x1D" + "3103" + weight,
                                 "(01)" + gtin + "(3103)" + weight + "(10)" + lot};
    for (const std::string& form : forms) {
      const Scan scan = read_scan(form, {}, today);
      RC_ASSERT(scan.candidates.front().gtin() == gtin);
      RC_ASSERT(scan.lot == lot);
      RC_ASSERT(scan.measure->quantity == (Decimal{grams, 3}));
    }
  }));
}
