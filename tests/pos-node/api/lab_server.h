// The API server on a free loopback port with a made-up terminal behind it, and a client for it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "pos-node/cli/client.h"
#include "pos-node/http/server.h"
#include "tests/pos-node/api/fake_service.h"

namespace titan::pos::test {

struct JsonReply {
  unsigned status = 0;
  boost::json::value body;
  std::string text;

  // "error.field", "lines.0.sku"; fails the test if it is not there.
  std::string at(const std::string& path) const;
  const boost::json::value& value_at(const std::string& path) const;
};

class LabServer {
 public:
  explicit LabServer(ServerLimits limits = {});
  ~LabServer();

  // Runs on the loop thread and waits for it.
  void on_loop(const std::function<void(FakeService&)>& work);
  void publish(const Event& event) { publish(std::vector<Event>{event}); }
  void publish(const std::vector<Event>& events);  // in one turn of the loop
  std::size_t subscribers();
  // Waits until the condition holds on the loop thread; fails the test after 5 s.
  void wait_until(const std::string& what, const std::function<bool(FakeService&)>& condition);

  JsonReply get(const std::string& target);
  JsonReply post(const std::string& target, const std::string& body,
                 const std::string& content_type = "application/json");
  JsonReply put(const std::string& target, const std::string& body,
                const std::string& content_type);
  HttpReply raw(const std::string& method, const std::string& target,
                const std::string& content_type = {}, const std::string& body = {},
                const ApiClient::Headers& headers = {});

  std::uint16_t port() const { return address_.port; }
  Metrics& metrics() { return metrics_; }

 private:
  boost::asio::io_context loop_;
  Metrics metrics_;
  FakeService service_{loop_};
  Server server_;
  HostPort address_;
  std::thread thread_;
  std::unique_ptr<ApiClient> client_;
};

// Sends the bytes as they are on a fresh connection and reads until the server closes it or
// `wait_ms` passed without anything.
std::string exchange_bytes(std::uint16_t port, const std::string& bytes, int wait_ms = 5000);

// A sale of one of A with this key.
std::string sale_body(const std::string& key, const std::string& more = {});

}  // namespace titan::pos::test
