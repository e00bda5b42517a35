#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "base/hex.h"
#include "base/utf8.h"

using namespace titan;

TEST_CASE("Hexadecimal text goes both ways") {
  CHECK(to_hex(std::string("\x00\xff\x1a", 3)) == "00ff1a");
  CHECK(from_hex("00FF1a") == std::string("\x00\xff\x1a", 3));
  CHECK_FALSE(from_hex("abc"));
  CHECK_FALSE(from_hex("zz"));
  rc::prop("any bytes come back",
           [](const std::string& bytes) { RC_ASSERT(from_hex(to_hex(bytes)) == bytes); });
}

TEST_CASE("UTF-8 is told from what only looks like it") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
  CHECK(is_utf8("\xf4\x8f\xbf\xbf"));
  CHECK_FALSE(is_utf8("caf\xe9"));           // Latin-1
  CHECK_FALSE(is_utf8("\xc3"));              // cut
  CHECK_FALSE(is_utf8("\x80"));              // no lead byte
  CHECK_FALSE(is_utf8("\xc0\xaf"));          // overlong
  CHECK_FALSE(is_utf8("\xe0\x80\x80"));      // overlong
  CHECK_FALSE(is_utf8("\xed\xa0\x80"));      // surrogate
  CHECK_FALSE(is_utf8("\xf4\x90\x80\x80"));  // above U+10FFFF
  CHECK_FALSE(is_utf8("\xff"));
}
