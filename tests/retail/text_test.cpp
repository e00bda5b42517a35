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
