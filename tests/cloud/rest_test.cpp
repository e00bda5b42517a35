// Head office's requests: what is wrong with one is told by its field, and never by the database.
#include <catch2/catch.hpp>
#include <set>

#include "cloud/rest/rest_parameters.h"
#include "tests/cloud/test_uplink.h"

namespace titan::cloud {
namespace {

using test::CloudProcess;
using test::EntryPointer;
using test::exchange_bytes;
using test::http;
using test::HttpAnswer;
using test::JoinedStore;
using test::Till;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void check_refused(const HttpAnswer& answer, int status, const std::string& field) {
  INFO(answer.body);
  CHECK(answer.status == status);
  CHECK(answer.json().at("error").at("field").as_string() == std::string_view(field));
  for (const char* word : {"SELECT", "ERROR", "::", "LINE 1", "sql"}) {
    CHECK_FALSE(has(answer.body, word));
  }
}

const std::string authorized = " HTTP/1.1\r\nHost: cloud\r\nauthorization: bearer admin-key-1\r\n";

}  // namespace

TEST_CASE("places and limits are read strictly") {
  const std::string journal(32, 'a');
  const std::string hash(64, 'b');
  CHECK(read_sales_place("2011-10-06")->date == "2011-10-06");
  CHECK(read_sales_place("2012-02-29:" + journal + ":7:" + hash)->entry->number == 7);
  CHECK(read_sales_place("2012-02-29:" + journal + ":7")->entry->hash.empty());
  for (const auto& bad :
       {std::string("2011-02-29"), std::string("0000-01-01"), std::string("9999-99-99"),
        std::string("2011-1-1"), std::string("yesterday"), std::string("2011-10-06 "),
        std::string("20111006"), std::string("infinity"), std::string("-011-10-06"),
        "2011-10-06:" + journal, "2011-10-06:" + journal + ":x", "2011-10-06:" + journal + ":-1",
        "2011-10-06:" + journal + ":99999999999999999999", std::string("2011-10-06:abc:1"),
        "2011-10-06:" + journal + ":1:" + hash + "00", "2011-10-06:" + journal + ":1:zz"}) {
    INFO(bad);
    const auto place = read_sales_place(bad);
    REQUIRE(place.has_error());
    CHECK(place.error().field == "from");
  }
  CHECK(*read_limit("10000") == 10'000);
  for (const char* bad :
       {"", "0", "-1", "+5", " 5", "5 ", "10001", "1e3", "0x10", "99999999999999999999999"}) {
    INFO(bad);
    CHECK(read_limit(bad).has_error());
  }
  CHECK(read_entry_place("").has_error());
  CHECK(read_entry_place(journal + ":1:" + hash).has_value());
}

TEST_CASE_METHOD(
    JoinedStore,
    "bad parameters of every address are told by name, and the database hears of none") {
  const std::string shelf = cloud.store("");
  const struct {
    std::string target;
    int status;
    const char* field;
  } rows[] = {
      {shelf + "/sales?from=2026-02-30", 400, "from"},
      {shelf + "/sales?from=0000-01-01", 400, "from"},
      {shelf + "/sales?from=9999-99-99", 400, "from"},
      {shelf + "/sales?from=2026-01-01%27", 400, "from"},
      {shelf + "/sales?from=2026-01-01:zz:1", 400, "from"},
      {shelf + "/sales?after=1", 400, "after"},
      {shelf + "/sales?limit=0", 400, "limit"},
      {shelf + "/sales?limit=", 400, "limit"},
      {shelf + "/sales?limit=99999999999999999999999", 400, "limit"},
      {shelf + "/sales?limit=5&limit=6", 400, "limit"},
      {shelf + "/sales?from=%00", 400, "from"},
      {shelf + "/sales?from=%ff", 400, "from"},
      {shelf + "/stock?after=%C3", 400, "after"},
      {shelf + "/stock?after=" + std::string(1025, 'x'), 400, "after"},
      {shelf + "/stock?from=2026-01-01", 400, "from"},
      {shelf + "/stock/A?limit=5", 400, "limit"},
      {shelf + "/stock/%00", 400, ""},
      {shelf + "/stock/%FE", 400, ""},
      {shelf + "/stock/" + std::string(3000, 'x'), 404, ""},
      {shelf + "/stock/%27%5C%22", 404, ""},
      {shelf + "/vector?x=1", 400, "x"},
      {shelf + "/quarantine?after=rubbish", 400, "after"},
      {shelf + "/products?limit=-1", 400, "limit"},
      {"/v1/tenants/acme/stores?limit=5", 400, "limit"},
      {"/v1/tenants/acme/stores/%00/sales", 400, ""},
      {"/v1/tenants/acme/stores/no%27where/sales", 404, ""},
      {"/v1/tenants/%C0%AF/stores", 400, ""},
      {"/v1/tenants/nobody/stores", 404, ""},
  };
  for (const auto& row : rows) {
    INFO(row.target.substr(0, 120));
    check_refused(cloud.get(row.target), row.status, row.field);
  }
  check_refused(http(cloud.port, "POST", cloud.store("/quarantine/retry", "nowhere")), 404, "");
  for (const char* body :
       {"{\"products\":[{\"sku\":\"a\\u0000b\"}]}", "{\"products\":[{\"sku\":\"\xff\"}]}",
        "{\"products\":[{\"sku\":\"\\ud800\"}]}",
        "{\"products\":[{\"sku\":\"a\",\"price\":\"99999999999999999999\"}]}",
        "{\"products\":[{\"sku\":\"a\",\"low_stock\":\"9999999999999999\"}]}"}) {
    INFO(body);
    CHECK(http(cloud.port, "PUT", cloud.store("/products"), body).status == 400);
    CHECK(http(cloud.port, "PUT", "/v1/tenants/acme/products", body).status == 400);
  }
  CHECK(cloud.get(cloud.store("/sales?from=2026-02-28&limit=1")).status == 200);
  CHECK(cloud.get(cloud.store("/stock?after=&limit=1")).status == 200);
  CHECK_FALSE(has(cloud.log(), "database failed"));
  CHECK_FALSE(has(cloud.log(), "got as far as"));
}

TEST_CASE("a failing database is told by a reference that stands in the log") {
  CloudProcess cloud;
  cloud.postgres.stop();
  const auto answer = cloud.get("/v1/tenants/acme/stores");
  cloud.postgres.start();
  check_refused(answer, 503, "");
  const std::string message(answer.json().at("error").at("message").as_string());
  const auto begin = message.find('[');
  REQUIRE(begin != std::string::npos);
  CHECK(has(cloud.log(), message.substr(begin, message.find(']') - begin + 1)));
}

TEST_CASE_METHOD(
    JoinedStore,
    "pages of sales and of the quarantine tell each entry once, twins of a number too") {
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 7; ++i) entries.push_back(till.sell("A", 1));
  for (int i = 0; i < 5; ++i) {
    entries.push_back(till.write(mesh::Kind::sale, "\xff\xff", {Till::effect("A", -1)}));
  }
  CHECK(uplink.upload(entries).accepted == 12);
  for (const auto& [list, parameter, total] :
       {std::tuple<std::string, std::string, std::size_t>{"sales", "from", 7},
        {"quarantine", "after", 5}}) {
    std::set<std::string> seen;
    std::string place;
    std::size_t told = 0;
    for (int page = 0; page < 10; ++page) {
      const auto answer = cloud.get(cloud.store("/" + list + "?limit=2" + place));
      REQUIRE(answer.status == 200);
      const auto document = answer.json();
      for (const auto& row : document.at(list).as_array()) {
        seen.insert(std::string(row.at("id").as_string()));
        ++told;
      }
      if (document.at("next").is_null()) break;
      place = "&" + parameter + "=" + std::string(document.at("next").as_string());
    }
    INFO(list);
    CHECK(told == total);
    CHECK(seen.size() == total);
  }
}

TEST_CASE("HEAD, OPTIONS, the absolute form and media types at the cloud") {
  CloudProcess cloud;
  const auto heads = exchange_bytes(
      cloud.port, "HEAD /healthz HTTP/1.1\r\nHost: cloud\r\n\r\nHEAD /v1/tenants/acme/stores" +
                      authorized +
                      "\r\nGET http://cloud/healthz HTTP/1.1\r\nHost: cloud\r\n"
                      "Connection: close\r\n\r\n");
  INFO(heads);
  CHECK(heads.find('{') == heads.rfind('{'));
  CHECK(heads.ends_with("{\"status\":\"ok\"}"));
  CHECK(has(heads, "Content-Length: 13\r\n"));  // of {"stores":[]}
  const auto close = std::string("Connection: close\r\n\r\n");
  const auto options =
      exchange_bytes(cloud.port, "OPTIONS " + cloud.store("/products") + authorized + close);
  CHECK(has(options, " 204 "));
  CHECK(has(options, "Allow: GET, HEAD, PUT, OPTIONS\r\n"));
  CHECK(has(exchange_bytes(cloud.port, "OPTIONS *" + authorized + close), " 204 "));
  CHECK(has(exchange_bytes(cloud.port, "DELETE " + cloud.store("/products") + authorized + close),
            "Allow: GET, HEAD, PUT, OPTIONS\r\n"));
  CHECK(has(exchange_bytes(cloud.port, "POST /healthz" + authorized + close), " 405 "));
  CHECK(has(exchange_bytes(cloud.port, "GET /no thing\r\n\r\n"), " 400 "));
  const std::string products = R"({"products":[{"sku":"A","price":"1","currency":"GBP"}]})";
  const auto put = [&](const std::string& type) {
    return http(cloud.port, "PUT", "/v1/tenants/acme/products", products, "admin-key-1", type);
  };
  CHECK(put("Application/JSON ; charset=UTF-8").status == 200);
  CHECK(put("application/jsonp").status == 415);
  check_refused(put("application/json; charset=utf-16"), 415, "content-type");
  // A client that waits to be asked for its body is asked.
  const auto waited = exchange_bytes(
      cloud.port, "PUT /v1/tenants/acme/products" + authorized +
                      "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: " +
                      std::to_string(products.size()) + "\r\n" + close + products);
  CHECK(waited.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "));
}

}  // namespace titan::cloud
