// HTTP as browsers, health checks and proxies speak it.
#include <catch2/catch.hpp>

#include "tests/pos-node/api/lab_server.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::test;

namespace {

// One request on a connection of its own; `headers` end each with CRLF.
std::string ask(LabServer& lab, const std::string& line, const std::string& headers,
                const std::string& body = {}) {
  return exchange_bytes(lab.port(),
                        line + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n" + body);
}

bool has(const std::string& answer, const std::string& text) {
  return answer.find(text) != std::string::npos;
}

bool is_status(const std::string& answer, int status) {
  return answer.starts_with("HTTP/1.1 " + std::to_string(status) + " ");
}

std::string json_body(const std::string& body) {
  return "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n";
}

const std::string host = "Host: 127.0.0.1:8410\r\n";

}  // namespace

TEST_CASE("a page of this machine may ask, write and read the answers") {
  LabServer lab;
  for (const char* page :
       {"http://localhost:5173", "https://localhost", "http://127.0.0.1:80", "http://127.9.9.9",
        "http://[::1]:3000", "http://localhost.localdomain:1", "http://localhost.:8080",
        "http://LOCALHOST:3000", "http://till.localhost"}) {
    INFO(page);
    const std::string origin = "Origin: " + std::string(page) + "\r\n";
    const std::string allowed = "\r\nAccess-Control-Allow-Origin: " + std::string(page) + "\r\n";
    const auto preflight = ask(lab, "OPTIONS /v1/sales",
                               host + origin +
                                   "Access-Control-Request-Method: POST\r\n"
                                   "Access-Control-Request-Headers: content-type\r\n"
                                   "Access-Control-Request-Private-Network: true\r\n");
    CHECK(is_status(preflight, 204));
    CHECK(has(preflight, allowed));
    CHECK(has(preflight, "\r\nAccess-Control-Allow-Methods: GET, HEAD, PUT, POST\r\n"));
    CHECK(has(preflight, "\r\nAccess-Control-Allow-Headers: Content-Type\r\n"));
    CHECK(has(preflight, "\r\nAccess-Control-Max-Age: "));
    CHECK(has(preflight, "\r\nAccess-Control-Allow-Private-Network: true\r\n"));
    CHECK(has(preflight, "\r\nVary: Origin\r\n"));
    CHECK_FALSE(has(preflight, "Content-Length"));
    CHECK(preflight.ends_with("\r\n\r\n"));

    const auto status = ask(lab, "GET /v1/status", host + origin);
    CHECK(is_status(status, 200));
    CHECK(has(status, allowed));
    // The page must be able to read why it was refused.
    const auto refused = ask(lab, "POST /v1/sales", host + origin + json_body("{"), "{");
    CHECK(is_status(refused, 400));
    CHECK(has(refused, allowed));
  }
  const auto sale = sale_body("page");
  CHECK(is_status(ask(lab, "POST /v1/sales",
                      host + "Origin: http://localhost:5173\r\n" + json_body(sale), sale),
                  201));
  // So that the page's programmer sees the 404 and not a riddle.
  CHECK(is_status(ask(lab, "OPTIONS /v1/sails",
                      host + "Origin: http://localhost:5173\r\n"
                             "Access-Control-Request-Method: POST\r\n"),
                  204));
}

TEST_CASE("a page of elsewhere gets nothing, not even by a preflight") {
  LabServer lab;
  for (const char* page :
       {"https://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example",
        "http://evil.example:8410", "null", "file://", "http://localhost@evil.example",
        "http://10.0.0.1", "app://localhost", "localhost", "http://evil-localhost", "http://[::1",
        "http://192.168.1.5:8410"}) {
    INFO(page);
    const std::string origin = "Origin: " + std::string(page) + "\r\n";
    for (const auto& answer :
         {ask(lab, "OPTIONS /v1/sales", host + origin + "Access-Control-Request-Method: POST\r\n"),
          ask(lab, "GET /v1/status", host + origin)}) {
      CHECK(is_status(answer, 403));
      CHECK_FALSE(has(answer, "Access-Control"));
    }
  }
  CHECK(has(ask(lab, "GET /v1/status", host + "Origin: null\r\n"), "http://localhost:PORT/"));
  // The page that the very address served may call it.
  CHECK(is_status(
      ask(lab, "GET /v1/status", "Host: 192.168.1.5:8410\r\nOrigin: http://192.168.1.5:8410\r\n"),
      200));
}

TEST_CASE("OPTIONS tells the methods of an address and of the server") {
  LabServer lab;
  const auto products = ask(lab, "OPTIONS /v1/products", host);
  CHECK(is_status(products, 204));
  CHECK(has(products, "\r\nAllow: GET, HEAD, PUT, OPTIONS\r\n"));
  const auto server = ask(lab, "OPTIONS *", host);
  CHECK(is_status(server, 204));
  CHECK(has(server, "\r\nAllow: GET, HEAD, PUT, POST, OPTIONS\r\n"));
  CHECK(is_status(ask(lab, "GET *", host), 400));
  CHECK(is_status(ask(lab, "OPTIONS /nothing", host), 404));
  CHECK(has(ask(lab, "PUT /v1/events", host), "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
  CHECK(is_status(ask(lab, "PATCH /v1/status", host), 405));
}

TEST_CASE("HEAD is GET without the body, and the connection goes on") {
  LabServer lab;
  const std::string request = " HTTP/1.1\r\n" + host + "\r\n";
  const auto both =
      exchange_bytes(lab.port(), "HEAD /healthz" + request + "HEAD /v1/products/GHOST" + request +
                                     "HEAD /v1/refunds" + request + "GET /healthz HTTP/1.1\r\n" +
                                     host + "Connection: close\r\n\r\n");
  INFO(both);
  CHECK(is_status(both, 200));
  CHECK(has(both, "HTTP/1.1 404 "));
  CHECK(has(both, "HTTP/1.1 405 "));
  // Four answers, one body.
  std::size_t answers = 0;
  for (std::size_t at = 0; (at = both.find("HTTP/1.1 ", at)) != std::string::npos; ++at) ++answers;
  CHECK(answers == 4);
  CHECK(both.find('{') == both.rfind("{\"status\":\"ok\",\"reasons\":[]}"));
  CHECK(both.find("\r\nContent-Length: 28\r\n") != both.rfind("\r\nContent-Length: 28\r\n"));
}

TEST_CASE("the absolute form is taken, and its host is the one that counts") {
  LabServer lab;
  CHECK(is_status(ask(lab, "GET http://127.0.0.1:8410/healthz", host), 200));
  CHECK(is_status(ask(lab, "GET HTTP://LocalHost/v1/products?limit=1", host), 200));
  CHECK(is_status(ask(lab, "GET http://127.0.0.1", host), 404));
  CHECK(is_status(ask(lab, "GET http://evil.example/v1/status", host), 403));
  CHECK(is_status(ask(lab, "GET http://127.0.0.1/healthz", "Host: evil.example\r\n"), 200));
  CHECK(is_status(ask(lab, "GET ftp://127.0.0.1/healthz", host), 400));
  CHECK(is_status(ask(lab, "GET http://a@127.0.0.1/healthz", host), 400));
}

TEST_CASE("hosts that are this machine, and others") {
  LabServer lab;
  for (const char* name :
       {"localhost", "LocalHost:8410", "localhost.", "localhost.:8410", "localhost.localdomain",
        "Localhost.LocalDomain:8410", "127.0.0.1", "[::1]:8410", "10.0.0.7:80", "till-3",
        "till-3.local", "TILL-3.LOCAL.:8410", "pos.localhost"}) {
    INFO(name);
    CHECK(is_status(ask(lab, "GET /healthz", "Host: " + std::string(name) + "\r\n"), 200));
  }
  for (const char* name : {"evil.example", "localhost.evil.example", "evil.example.", "ai.",
                           "127.0.0.1.evil.example", "localdomain.localhost.example"}) {
    INFO(name);
    CHECK(is_status(ask(lab, "GET /healthz", "Host: " + std::string(name) + "\r\n"), 403));
  }
  for (const char* name : {"[::1", "127.0.0.1:port", "a@127.0.0.1", ":8410"}) {
    INFO(name);
    CHECK(is_status(ask(lab, "GET /healthz", "Host: " + std::string(name) + "\r\n"), 400));
  }
  CHECK(is_status(ask(lab, "GET /healthz", host + "Host: evil.example\r\n"), 400));
}

TEST_CASE("media types in any letter case; another charset or a compressed body is told") {
  LabServer lab;
  int key = 0;
  const auto post = [&](const std::string& type) {
    const auto body = sale_body("m" + std::to_string(++key));
    return lab.post("/v1/sales", body, type);
  };
  CHECK(post("Application/JSON").status == 201);
  CHECK(post("APPLICATION/json ; Charset=UTF-8").status == 201);
  CHECK(post("application/json;charset=\"utf-8\"").status == 201);
  const auto latin = post("application/json; charset=ISO-8859-1");
  CHECK(latin.status == 415);
  CHECK(latin.at("error.message").find("iso-8859-1") != std::string::npos);
  CHECK(post("application/jsonp").status == 415);
  CHECK(lab.put("/v1/products", "sku,price\nN,1\n", "TEXT/CSV; header=present").status == 200);
  const auto zipped =
      ask(lab, "POST /v1/sales", host + "Content-Encoding: gzip\r\n" + json_body("zz"), "zz");
  CHECK(is_status(zipped, 415));
  CHECK(has(zipped, "Content-Encoding"));
}

TEST_CASE("parameters that would be swallowed are told") {
  LabServer lab;
  CHECK(lab.get("/v1/products?limit=1&limit=2").at("error.field") == "limit");
  CHECK(lab.post("/v1/sales?training=true", sale_body("t")).at("error.field") == "training");
  CHECK(lab.get("/v1/stock/A?limit=1").at("error.field") == "limit");
  CHECK(lab.get("/v1/stock?limit=").at("error.field") == "limit");
  CHECK(lab.get("/v1/stock?after=" + std::string(2000, 'x')).at("error.field") == "after");
  CHECK(lab.get("/healthz?probe=7").status == 200);
  CHECK(lab.get("/v1/products?&q=&").status == 200);
  CHECK(lab.get("/v1/products?q=" + std::string(4096, 'x')).status == 200);
  CHECK(lab.get("/v1/products?q=" + std::string(4097, 'x')).at("error.field") == "q");
  lab.on_loop([](FakeService& service) { CHECK(service.entries.empty()); });
}

TEST_CASE("Expect: 100-continue is answered before the body, and not where nobody waits") {
  LabServer lab;
  const auto body = sale_body("e");
  const auto answer =
      ask(lab, "POST /v1/sales", host + "Expect: 100-continue\r\n" + json_body(body), body);
  CHECK(answer.find("HTTP/1.1 201") != std::string::npos);
  const auto none = ask(lab, "GET /healthz", host + "Expect: 100-continue\r\n");
  CHECK(is_status(none, 200));
  const auto old =
      exchange_bytes(lab.port(), "POST /v1/sales HTTP/1.0\r\n" + host + "Expect: 100-continue\r\n" +
                                     json_body(body) + "\r\n" + body);
  CHECK_FALSE(has(old, " 100 "));
}
