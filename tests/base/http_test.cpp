// Targets, hosts and media types as clients write them.
#include <catch2/catch.hpp>

#include "base/http_status.h"
#include "base/http_target.h"
#include "base/media_type.h"

using namespace titan;

namespace {

using Texts = std::vector<std::string>;

HttpTarget read(const std::string& text) {
  const auto target = parse_http_target(text);
  INFO(text << (target ? "" : ": " + target.error().message));
  REQUIRE(target.has_value());
  return *target;
}

}  // namespace

TEST_CASE("a target is taken apart and decoded") {
  CHECK(read("/").path.empty());
  CHECK(read("/v1/stock/A%2FB%20c+d").path == Texts{"v1", "stock", "A/B c+d"});
  CHECK(read("/v1/stock/").path == Texts{"v1", "stock"});
  CHECK(read("//x").path == Texts{"", "x"});
  const auto query = read("/p?q=caf%C3%A9+C%2B%2B&&after=a=b&empty&limit=").query;
  REQUIRE(query.size() == 4);
  CHECK(query[0] == std::pair<std::string, std::string>("q", "caf\xc3\xa9 C++"));
  CHECK(query[1].second == "a=b");
  CHECK(query[2] == std::pair<std::string, std::string>("empty", ""));
  CHECK(query[3].second.empty());
  CHECK(read("*").is_asterisk);
}

TEST_CASE("the absolute form says the host itself") {
  CHECK(read("http://127.0.0.1:8410/healthz").path == Texts{"healthz"});
  CHECK(read("HTTP://Till-1/healthz").authority == "Till-1");
  CHECK(read("https://[::1]:8410").path.empty());
  const auto bare = read("http://till-1?limit=5");
  CHECK(bare.path.empty());
  CHECK(bare.query.size() == 1);
  for (const char* bad :
       {"", "healthz", "http:/x", "http://", "http:///x", "ftp://a/x", "http://u@h/x",
        "http://[::1/x", "http://a:b/x", "127.0.0.1:8410", "**"}) {
    INFO(bad);
    CHECK(parse_http_target(bad).has_error());
  }
}

TEST_CASE("what is no address is refused with words") {
  for (const char* bad : {"/%", "/%4", "/%zz", "/%ff", "/a%00b", "/x?q=%C3", "/x?%00=1", "/x#part",
                          "/a/b/c/d/e/f/g/h/i"}) {
    INFO(bad);
    const auto target = parse_http_target(bad);
    REQUIRE(target.has_error());
    CHECK(target.error().message.size() > 20);
  }
  CHECK(parse_http_target("/" + std::string(target_bytes_max, 'a')).has_error());
  std::string many = "/x?";
  for (std::size_t i = 0; i <= query_items_max; ++i) many += "p" + std::to_string(i) + "=1&";
  CHECK(parse_http_target(many).has_error());
  CHECK(parse_http_target("/x?limit=1&name=%ff").error().field == "name");
  const auto twice = parse_http_target("/x?limit=1&after=&limit=2");
  REQUIRE(twice.has_error());
  CHECK(twice.error().field == "limit");
}

TEST_CASE("a host has letter case and brackets taken off, and a port that is a number") {
  CHECK(parse_http_authority("LocalHost:80")->host == "localhost");
  CHECK(parse_http_authority("localhost.:80")->host == "localhost.");
  CHECK(parse_http_authority("[::1]:8410")->host == "::1");
  CHECK(parse_http_authority("[::1]:8410")->port == "8410");
  CHECK(parse_http_authority("a:")->port.empty());
  for (const char* bad :
       {"", ":80", "[::1", "[]", "::1", "a:b", "a:123456", "u@a", "a b", "[::1]x"}) {
    INFO(bad);
    CHECK_FALSE(parse_http_authority(bad).has_value());
  }
}

TEST_CASE("media types are compared without letter case and parameters") {
  for (const char* text :
       {"application/json", "Application/JSON", "APPLICATION/json ; Charset=UTF-8",
        " application/json;charset=\"utf-8\"", "application/json;",
        "application/json; profile=\"a;\\\"b\" ; charset=utf-8"}) {
    INFO(text);
    const auto media = parse_media_type(text);
    REQUIRE(media.has_value());
    CHECK(media->type == "application/json");
    CHECK(media->is_utf8());
  }
  CHECK(parse_media_type("text/csv; charset=Windows-1252")->charset == "windows-1252");
  CHECK_FALSE(parse_media_type("application/json;charset=utf-16")->is_utf8());
  CHECK(parse_media_type("application/jsonp")->type == "application/jsonp");
  for (const char* bad : {"", "json", "application/", "/json", "application/json x", "a/b; =x",
                          "a/b; charset=\"utf-8", "a/b, a/b", "a/b; charset"}) {
    INFO(bad);
    CHECK_FALSE(parse_media_type(bad).has_value());
  }
}

TEST_CASE("what is refused depends on whether a key would help, all else does not") {
  CHECK(http_status(ErrorCode::refused, RefusedStatus::unauthorized) == 401);
  CHECK(http_status(ErrorCode::refused, RefusedStatus::forbidden) == 403);
  CHECK(http_status(ErrorCode::invalid, RefusedStatus::forbidden) == 400);
  CHECK(http_status(ErrorCode::unsupported, RefusedStatus::forbidden) == 415);
  CHECK(http_status(ErrorCode::unknown_outcome, RefusedStatus::unauthorized) == 503);
  CHECK(http_status(ErrorCode::corrupt, RefusedStatus::unauthorized) == 500);
}
