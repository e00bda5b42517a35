// Every row of "bad input" that concerns the API: a clear message, nothing recorded, and the
// server goes on.
#include <catch2/catch.hpp>

#include <boost/asio/ip/tcp.hpp>

#include "tests/pos-node/api/lab_server.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::test;

namespace {

void check_refused(LabServer& lab, const JsonReply& reply, unsigned status, const std::string& code,
                   const std::string& field) {
  INFO(reply.text);
  CHECK(reply.status == status);
  CHECK(reply.at("error.code") == code);
  CHECK(reply.at("error.field") == field);
  CHECK(reply.at("error.message").size() > 10);
  lab.on_loop([](FakeService& service) {
    CHECK(service.entries.empty());
    CHECK(service.stock().sums().empty());
  });
  CHECK(lab.get("/healthz").status == 200);
}

std::string lines_body(const std::string& lines) {
  return R"({"idempotency_key":"k","lines":)" + lines + "}";
}

}  // namespace

TEST_CASE("malformed JSON is refused with its place") {
  LabServer lab;
  const auto reply = lab.post("/v1/sales", "{\"idempotency_key\":\"k\",\n  \"lines\":[}");
  check_refused(lab, reply, 400, "invalid", "");
  CHECK(reply.at("error.message").find("line 2, column 12") != std::string::npos);
  for (const char* body : {"", "nonsense", "[]", "{} {}", "{\"a\":1,}", "\"text\"",
                           "{\"a\":\"\xC3\"}", "{\"a\":\"\\ud800\"}"}) {
    INFO(body);
    const auto other = lab.post("/v1/sales", body);
    CHECK(other.status == 400);
    CHECK(other.at("error.message").size() > 10);
  }
  const auto deep = lab.post("/v1/sales", std::string(100'000, '['));
  CHECK(deep.status == 400);
}

TEST_CASE("lines that cannot be sold name their field") {
  LabServer lab;
  const struct {
    const char* lines;
    const char* field;
  } rows[] = {
      {R"([{"sku":"GHOST","quantity":"1"}])", "lines[0].charged_unit_price"},
      {R"([])", "lines"},
      {R"([{"quantity":"1"}])", "lines[0].sku"},
      {R"([{"sku":"A"}])", "lines[0].quantity"},
      {R"([{"sku":"A","quantity":"1"},{"sku":"A","quantity":"0"}])", "lines[1].quantity"},
      {R"([{"sku":"A","quantity":"one"}])", "lines[0].quantity"},
      {R"([{"sku":"A","quantity":"1e3"}])", "lines[0].quantity"},
      {R"([{"sku":"A","quantity":0.1234567890123456}])", "lines[0].quantity"},
      {R"([{"sku":"A","quantity":true}])", "lines[0].quantity"},
      {R"([{"sku":7,"quantity":"1"}])", "lines[0].sku"},
      {R"([{"sku":"","quantity":"1"}])", "lines[0].sku"},
      {R"([{"sku":"A ","quantity":"1"}])", "lines[0].sku"},
      {R"([{"sku":"A\n","quantity":"1"}])", "lines[0].sku"},
      {R"([{"sku":"A","quantity":"1","description":"bell \u0007"}])", "lines[0].description"},
      {R"([{"sku":"A","quantity":"1","price":"2"}])", "lines[0].price"},
      {R"([{"sku":"A","quantity":"1","tax_rate_basis_points":-1}])",
       "lines[0].tax_rate_basis_points"},
      {R"([{"sku":"A","quantity":"1","discounts":[{"amount":"x"}]}])",
       "lines[0].discounts[0].amount"},
      {R"([{"sku":"A","quantity":"1","tax":"9.99"}])", "lines[0].tax"},
      {R"([{"sku":"A","quantity":"1000000000","charged_unit_price":"999999999999999999"}])",
       "lines[0].charged_unit_price"},
      {R"([3])", "lines[0]"},
      {R"("A")", "lines"},
  };
  for (const auto& row : rows) {
    INFO(row.lines);
    check_refused(lab, lab.post("/v1/sales", lines_body(row.lines)), 400, "invalid", row.field);
  }
}

TEST_CASE("a sale's own fields are checked") {
  LabServer lab;
  const struct {
    const char* more;
    const char* field;
  } rows[] = {
      {R"(,"payments":[{"method":"cash","amount":"2.54"}])", "payments"},
      {R"(,"payments":[])", "payments"},
      {R"(,"payments":[{"method":"cash","amount":"2.555"}])", "payments[0].amount"},
      {R"(,"currency":"POUND")", "currency"},
      {R"(,"business_date":"2011-02-30")", "business_date"},
      {R"(,"total":"2.56")", "total"},
      {R"(,"rounding":"5")", "rounding"},
      {R"(,"casheir":"c-1")", "casheir"},
      {R"(,"training":"yes")", "training"},
  };
  for (const auto& row : rows) {
    INFO(row.more);
    check_refused(lab, lab.post("/v1/sales", sale_body("k", row.more)), 400, "invalid", row.field);
  }
  check_refused(lab, lab.post("/v1/sales", R"({"lines":[{"sku":"A","quantity":"1"}]})"), 400,
                "invalid", "idempotency_key");
}

TEST_CASE("10,000 lines are refused as too large, naming the limit") {
  LabServer lab;
  std::string lines = "[";
  for (int i = 0; i < 10'000; ++i) {
    lines += std::string(i == 0 ? "" : ",") + R"({"sku":"A","quantity":"1"})";
  }
  const auto reply = lab.post("/v1/sales", lines_body(lines + "]"));
  check_refused(lab, reply, 413, "too_large", "lines");
  CHECK(reply.at("error.message").find("10000") != std::string::npos);
  CHECK(reply.at("error.message").find("2000") != std::string::npos);
}

TEST_CASE("a body over 1 MB is refused before it is read, and the client can read why") {
  LabServer lab;
  const auto reply = lab.post("/v1/sales", std::string(3 * 1024 * 1024, ' '));
  check_refused(lab, reply, 413, "too_large", "");
  // Without a length the limit holds as well.
  std::string chunked =
      "POST /v1/sales HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  const std::string chunk(64 * 1024, ' ');
  for (int i = 0; i < 32; ++i) chunked += "10000\r\n" + chunk + "\r\n";
  CHECK(exchange_bytes(lab.port(), chunked).find("413") != std::string::npos);
  CHECK(lab.get("/healthz").status == 200);
}

TEST_CASE("a product list over its own limit is told that limit") {
  LabServer lab;
  const std::string list =
      "PUT /v1/products HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\nContent-Length: " +
      std::to_string(40 * 1024 * 1024) + "\r\n\r\n";
  CHECK(exchange_bytes(lab.port(), list).find("over 32 MB") != std::string::npos);
}

TEST_CASE("a wrong content type is refused") {
  LabServer lab;
  check_refused(lab, lab.post("/v1/sales", sale_body("k"), "text/plain"), 415, "unsupported",
                "Content-Type");
  check_refused(lab, lab.post("/v1/sales", sale_body("k"), ""), 415, "unsupported", "Content-Type");
  CHECK(lab.post("/v1/sales", sale_body("k"), "application/json; charset=utf-8").status == 201);
}

TEST_CASE("the same key with another body is a conflict") {
  LabServer lab;
  CHECK(lab.post("/v1/sales", sale_body("k")).status == 201);
  const auto reply = lab.post("/v1/sales", sale_body("k", R"(,"cashier":"c-2")"));
  CHECK(reply.status == 409);
  CHECK(reply.at("error.code") == "conflict");
  CHECK(reply.at("error.field") == "idempotency_key");
  lab.on_loop([](FakeService& service) { CHECK(service.entries.size() == 1); });
  // Also if the other body would not pass the rules.
  const auto bad = lab.post("/v1/sales", R"({"idempotency_key":"k","lines":[]})");
  CHECK(bad.status == 409);
}

TEST_CASE("a failed commit says that the outcome is unknown") {
  LabServer lab;
  lab.on_loop([](FakeService& service) { service.fails_commits = true; });
  const auto reply = lab.post("/v1/sales", sale_body("k"));
  CHECK(reply.status == 503);
  CHECK(reply.at("error.code") == "unknown_outcome");
}

TEST_CASE("addresses and methods that do not exist") {
  LabServer lab;
  CHECK(lab.get("/v1/nothing").status == 404);
  CHECK(lab.get("/").status == 404);
  CHECK(lab.get("/v1/events").status == 400);  // not a WebSocket
  CHECK(lab.get("/v1/stock?limit=0").at("error.field") == "limit");
  CHECK(lab.get("/v1/stock?limti=5").at("error.field") == "limti");
  CHECK(lab.get("/v1/stock/%ZZ").status == 400);
  const auto method = lab.raw("DELETE", "/v1/refunds");
  CHECK(method.status == 405);
  CHECK(method.allow == "POST, OPTIONS");
  CHECK(lab.raw("POST", "/v1/products").allow == "GET, HEAD, PUT, OPTIONS");
}

TEST_CASE("rubbish on the port gets an answer or a closed connection, and the server goes on") {
  LabServer lab;
  CHECK(exchange_bytes(lab.port(), "\x16\x03\x01\x02\r\n\r\n").find("400") != std::string::npos);
  CHECK(exchange_bytes(lab.port(), "GET / HTTP/1.1\r\nX: " + std::string(40'000, 'a') + "\r\n\r\n")
            .find("431") != std::string::npos);
  CHECK(exchange_bytes(lab.port(), "GET " + std::string(5000, '/') + " HTTP/1.1\r\n\r\n")
            .find("400") != std::string::npos);
  CHECK(lab.get("/healthz").status == 200);
}

TEST_CASE("slow clients are closed after the limit") {
  ServerLimits limits;
  limits.request_wait = std::chrono::seconds(1);
  limits.first_request_wait = std::chrono::seconds(1);
  limits.body_wait = std::chrono::seconds(1);
  LabServer lab(limits);
  const auto started = std::chrono::steady_clock::now();
  CHECK(exchange_bytes(lab.port(), "GET /healthz HTT").empty());
  CHECK(exchange_bytes(lab.port(),
                       "POST /v1/sales HTTP/1.1\r\nContent-Type: application/json\r\n"
                       "Content-Length: 100\r\n\r\n{\"id")
            .empty());
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(8));
}

TEST_CASE("one connection too many is told so") {
  ServerLimits limits;
  limits.connections_max = 1;
  LabServer lab(limits);
  CHECK(lab.get("/healthz").status == 200);  // stays open
  const auto answer = exchange_bytes(lab.port(), "GET /healthz HTTP/1.1\r\n\r\n");
  CHECK(answer.find("503") != std::string::npos);
  CHECK(answer.find("Too many connections") != std::string::npos);
}

TEST_CASE("connections without a request have few places, those with one keep theirs") {
  ServerLimits limits;
  limits.unproven_per_source_max = 2;
  limits.first_request_wait = std::chrono::seconds(2);
  LabServer lab(limits);
  CHECK(lab.get("/healthz").status == 200);  // stays open, and holds no such place
  boost::asio::io_context loop;
  std::vector<boost::asio::ip::tcp::socket> silent;
  for (int i = 0; i < 2; ++i) {
    silent.emplace_back(loop).connect({boost::asio::ip::address_v4::loopback(), lab.port()});
  }
  const auto request = "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n";
  CHECK(exchange_bytes(lab.port(), request).find("503") != std::string::npos);
  CHECK(lab.get("/healthz").status == 200);
  silent.clear();
  std::string answer;
  for (int i = 0; i < 50 && answer.find("200") == std::string::npos; ++i) {
    answer = exchange_bytes(lab.port(), request);
  }
  CHECK(answer.find("200") != std::string::npos);
}

TEST_CASE("bodies that are too much together are refused before they are read") {
  ServerLimits limits;
  limits.bodies_bytes_max = 1000;
  LabServer lab(limits);
  CHECK(lab.post("/v1/sales", sale_body("k-1")).status < 300);
  const auto answer = exchange_bytes(lab.port(),
                                     "POST /v1/sales HTTP/1.1\r\nContent-Type: application/json\r\n"
                                     "Content-Length: 5000\r\n\r\n");
  CHECK(answer.find("503") != std::string::npos);
  CHECK(answer.find("Too many large requests") != std::string::npos);
  CHECK(lab.post("/v1/sales", sale_body("k-2")).status < 300);
}

TEST_CASE("pages of strangers are turned away") {
  LabServer lab;
  CHECK(lab.raw("GET", "/v1/status", "", "", {{"Origin", "https://evil.example"}}).status == 403);
  CHECK(lab.raw("GET", "/v1/status", "", "", {{"Origin", "null"}}).status == 403);
  CHECK(lab.raw("GET", "/v1/status", "", "", {{"Origin", "http://localhost:3000"}}).status == 200);
  const auto rebound = exchange_bytes(
      lab.port(),
      "GET /v1/status HTTP/1.1\r\nHost: evil.example:8410\r\nConnection: close\r\n\r\n");
  CHECK(rebound.find("403") != std::string::npos);
}

TEST_CASE("a taken port is named") {
  LabServer lab;
  boost::asio::io_context loop;
  FakeService service(loop);
  Metrics metrics;
  Server second(loop, service, metrics);
  const auto listening = second.listen({"127.0.0.1", lab.port()});
  REQUIRE(listening.has_error());
  CHECK(listening.error().message.find(std::to_string(lab.port())) != std::string::npos);
  CHECK(listening.error().message.find("[api] listen") != std::string::npos);
}

TEST_CASE("product lists: wrong columns, encoding, type; all or nothing") {
  LabServer lab;
  check_refused(lab, lab.put("/v1/products", "sku,colour\nB,red\n", "text/csv"), 400, "invalid",
                "line 1");
  check_refused(lab, lab.put("/v1/products", "sku,price\nB,1\nC,x\n", "text/csv"), 400, "invalid",
                "line 3");
  check_refused(lab, lab.put("/v1/products", "sku,name\nB,caf\xE9\n", "text/csv; charset=utf-8"),
                400, "invalid", "line 2");
  const auto faulty = lab.put("/v1/products", "sku,price\nB,x\nC,1\n,y\n", "text/csv");
  CHECK(faulty.at("error.fault_count") == "2");
  CHECK(faulty.at("error.faults.0.row") == "line 2");
  CHECK(faulty.at("error.faults.0.column") == "price");
  CHECK(faulty.at("error.faults.1.row") == "line 4");
  check_refused(lab, lab.put("/v1/products", "sku\nB\n", "text/plain"), 415, "unsupported",
                "Content-Type");
  check_refused(
      lab, lab.put("/v1/products", R"({"products":[{"sku":"B","colour":1}]})", "application/json"),
      400, "invalid", "products[0].colour");
  lab.on_loop([](FakeService& service) { CHECK(service.shop.catalogue.by_sku.size() == 1); });
}
