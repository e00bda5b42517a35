// A line of a log stays one line, whatever text from outside is in it.
#include "base/host/log_format.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "base/printable.h"

namespace titan {
namespace {

std::string logged(const std::string& text) {
  std::ostringstream out;
  spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  logger.set_formatter(make_log_format("%l %v"));
  logger.info("uplink of {} refused", text);
  logger.flush();
  return out.str();
}

TEST_CASE("a name with a line break forges no line", "[log]") {
  const std::string forged = "acme\n2026-11-30 01:00:00.000 critical the till is on fire\r\x1b[2J";
  const std::string line = logged(forged);
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
  CHECK(line ==
        "info uplink of acme\\n2026-11-30 01:00:00.000 critical the till is on fire\\r\\x1b[2J "
        "refused\n");
}

TEST_CASE("what people write stays as it is", "[log]") {
  for (const std::string text : {"Müller & Söhne", "Кафе «Ёлка»", "店舗 1", "smile 😀", "a\\nb"}) {
    CHECK(is_printable(text));
    CHECK(printable(text) == text);
    CHECK(logged(text) == "info uplink of " + text + " refused\n");
  }
}

TEST_CASE("separators, directional marks and bytes that are no text are escaped", "[log]") {
  CHECK(printable("a\tb") == "a\\tb");
  CHECK(printable(std::string("a\0b", 3)) == "a\\x00b");
  CHECK(printable("a\x7f") == "a\\x7f");
  CHECK(printable("a\xc2\x85z") == "a\\u0085z");
  CHECK(printable("a\xe2\x80\xa8z") == "a\\u2028z");
  CHECK(printable("a\xe2\x80\xaez") == "a\\u202ez");
  CHECK(printable("a\xffz") == "a\\xffz");
  CHECK(printable("\xc3") == "\\xc3");
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");
}

}  // namespace
}  // namespace titan
