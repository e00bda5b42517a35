#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "retail/stock_state.h"
#include "retail/text.h"

using namespace titan;
using namespace titan::retail;

TEST_CASE("text that may be recorded, and text that may not") {
  CHECK_FALSE(text_fault("Caf\xC3\xA9  \xE2\x82\xAC, \"quoted\" ", 100));
  CHECK(text_fault("tab\there", 100));
  CHECK(text_fault(std::string("nul\0", 4), 100));
  CHECK(text_fault("next line \xC2\x85", 100));
  CHECK(text_fault("\xC3", 100));
  CHECK(text_fault("\xED\xA0\x80", 100));  // a surrogate
  CHECK(text_fault("abcd", 3));
  CHECK_FALSE(sku_fault("BANK CHARGES"));
  CHECK_FALSE(sku_fault("gift_0001_20"));
  CHECK(sku_fault(""));
  CHECK(sku_fault(" 85123A"));
}

TEST_CASE("lengths are counted in characters") {
  std::string umlauts;
  for (int i = 0; i < 60; ++i) umlauts += "\xC3\xB6";
  CHECK(character_count(umlauts) == 60);
  CHECK_FALSE(sku_fault(umlauts));
  CHECK_FALSE(text_fault(umlauts, 60));
  CHECK(text_fault(umlauts, 59) == "is 60 characters long; at most 59 are allowed");
  std::string faces;
  for (int i = 0; i < 64; ++i) faces += "\xF0\x9F\x99\x82";
  CHECK_FALSE(sku_fault(faces));
  CHECK(faces.size() <= mesh::product_bytes_max);
  CHECK(sku_fault(faces + "x"));
}

TEST_CASE("a sku has no characters that nobody sees, and the message says which and where") {
  CHECK(sku_fault("TEA-7\xC2\xA0") ==
        "contains an invisible character (U+00A0 no-break space) after \"TEA-7\"");
  CHECK(sku_fault("\xEF\xBB\xBFTEA").value().find("U+FEFF") != std::string::npos);
  CHECK(sku_fault("\xEF\xBB\xBFTEA").value().ends_with("at its beginning"));
  CHECK(sku_fault("TE\xE2\x80\x8B"
                  "A")
            .value()
            .find("U+200B zero width space) after \"TE\"") != std::string::npos);
  for (const char* invisible :
       {"\xC2\xAD", "\xE2\x80\x8E", "\xE2\x80\xAE", "\xE2\x81\xA0", "\xE1\xA0\x8E", "\xEF\xB8\x8F",
        "\xE3\x80\x80", "\xF3\xA0\x81\x81", "\xE2\x80\xA8", "\xE2\x80\xAF", "\xE2\x80\x89"}) {
    INFO(invisible);
    CHECK(sku_fault(std::string("A") + invisible + "B"));
    CHECK_FALSE(text_fault(std::string("A") + invisible + "B", 10));  // elsewhere it may stand
  }
  CHECK_FALSE(sku_fault("Tee \xE2\x80\x93 gr\xC3\xBCn/\xE7\xB4\x85\xE8\x8C\xB6 #7"));
}

TEST_CASE("scans may have what scanners send, and no more") {
  CHECK_FALSE(
      scan_fault("]C101\x1D"
                 "10A\r\n"));
  CHECK_FALSE(scan_fault("\t4006381333931\t"));
  CHECK_FALSE(scan_fault("\x02]E04006381333931\x03\r\n"));
  CHECK(
      scan_fault("40063\x02"
                 "81333931"));
  CHECK(
      scan_fault(std::string("40\0"
                             "06",
                             5)));
  CHECK(scan_fault("\x1B[A"));
  CHECK(scan_fault(std::string(600, '1')));
}

TEST_CASE("the first bad byte is found where it is") {
  CHECK(first_invalid_utf8("abc") == 3);
  CHECK(first_invalid_utf8("ab\xFF"
                           "c") == 2);
  CHECK(first_invalid_utf8("\xC3\xA9\xC3") == 2);
}

TEST_CASE("card numbers are masked, other references stay") {
  CHECK(mask_card_numbers("4111111111111111") == "************1111");
  CHECK(mask_card_numbers("card 4111 1111-1111 1111 ok") == "card **** ****-**** 1111 ok");
  CHECK(mask_card_numbers("4111111111111112") == "4111111111111112");  // Luhn fails
  CHECK(mask_card_numbers("A-2011-000123") == "A-2011-000123");
  CHECK(mask_card_numbers("") == "");
  CHECK(mask_card_numbers("378282246310005") == "***********0005");
}

TEST_CASE("the shop's own vouchers and labels are no cards") {
  // Each passes the Luhn check.
  for (const char* voucher :
       {"2012345678901", "2900000000009", "2200000000004", "29123456789012346",
        "2800000000000000001", "2000000000000006", "2720990000000007"}) {
    INFO(voucher);
    const std::string text(voucher);
    const bool is_mastercard = text.size() == 16 && text >= "2221" && text < "2721";
    CHECK((mask_card_numbers(text) == text) == !is_mastercard);
  }
  CHECK(mask_card_numbers("2223000048400011") == "************0011");
  CHECK(mask_card_numbers("2720 9900 0000 0007") == "**** **** **** 0007");
  CHECK(mask_card_numbers("2200000000000004") == "************0004");
  // A card beside other digits.
  CHECK(mask_card_numbers("till 12 4111 1111 1111 1111 07") == "till 12 **** **** **** 1111 07");
  CHECK(mask_card_numbers("2012345678901 4111111111111111") == "2012345678901 ************1111");
}

TEST_CASE("no in-store number of thirteen digits is ever masked") {
  REQUIRE(rc::check([] {
    std::string number =
        "2" + std::to_string(*rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000));
    RC_PRE(number.size() == 13U);
    RC_ASSERT(mask_card_numbers(number) == number);
  }));
}

TEST_CASE("dates") {
  CHECK(parse_date("2011-10-06") == 20111006u);
  CHECK(parse_date("2012-02-29") == 20120229u);
  for (const char* text : {"2011-02-29", "2011-13-01", "2011-1-06", "20111006", "2011-10-0a",
                           "-011-10-06", "2011-10-00"}) {
    INFO(text);
    CHECK_FALSE(parse_date(text));
  }
  CHECK(date_text(20111006) == "2011-10-06");
}

TEST_CASE("times are written with their offset") {
  CHECK(time_text({1317888900000}, 60) == "2011-10-06T09:15:00.000+01:00");
  CHECK(time_text({0}) == "1970-01-01T00:00:00.000Z");
  CHECK(time_text({1317888900123}, -210) == "2011-10-06T04:45:00.123-03:30");
}

TEST_CASE("an id survives the way to text and back") {
  const mesh::EntryId id{*JournalId::from_hex_text("0123456789abcdef0123456789abcdef"), 17};
  CHECK(id_text(id) == "0123456789abcdef0123456789abcdef:17");
  CHECK(parse_id(id_text(id)) == id);
  for (const char* text :
       {"", ":", "0123456789abcdef0123456789abcdef", "12:1", "0123456789abcdef0123456789abcdef:0",
        "0123456789abcdef0123456789abcdef:x", "0123456789abcdef0123456789abcdef:1 ",
        "0123456789abcdef0123456789abcdef:-1"}) {
    INFO(text);
    CHECK_FALSE(parse_id(text));
  }
}

TEST_CASE("stock has a state that a person reads") {
  constexpr std::int64_t piece = 1'000'000;
  CHECK(stock_state(6 * piece, 5 * piece) == StockState::in_stock);
  CHECK(stock_state(5 * piece, 5 * piece) == StockState::low);
  CHECK(stock_state(1, 5 * piece) == StockState::low);
  CHECK(stock_state(0, 5 * piece) == StockState::out_of_stock);
  CHECK(stock_state(-1, 5 * piece) == StockState::back_order);
  CHECK(stock_display(-piece) == "-1 (Back Order)");
  CHECK(stock_display(piece / 4) == "0.25");
  CHECK(stock_display(0) == "0");
  CHECK(crosses_below_zero(0, -1));
  CHECK_FALSE(crosses_below_zero(-1, -2));
  CHECK_FALSE(crosses_below_zero(1, 0));
}
