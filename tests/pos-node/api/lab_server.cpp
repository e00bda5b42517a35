#include "tests/pos-node/api/lab_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>
#include <future>

#include "tests/waiting.h"

namespace titan::pos::test {

namespace json = boost::json;

const json::value& JsonReply::value_at(const std::string& path) const {
  const json::value* value = &body;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string step = path.substr(begin, end - begin);
    const json::value* inner = nullptr;
    if (const auto* object = value->if_object()) {
      inner = object->if_contains(step);
    } else if (const auto* array = value->if_array()) {
      inner = array->if_contains(std::stoul(step));
    }
    if (!inner) FAIL("no " << path << " in " << text);
    value = inner;
    begin = end + 1;
  }
  return *value;
}

std::string JsonReply::at(const std::string& path) const {
  const json::value& value = value_at(path);
  if (value.is_string()) return std::string(value.get_string());
  return json::serialize(value);
}

LabServer::LabServer(ServerLimits limits) : server_(loop_, service_, metrics_, limits) {
  auto listening = server_.listen({"127.0.0.1", 0});
  if (!listening) throw std::runtime_error(listening.error().message);
  address_ = *listening;
  service_.shop.catalogue.add("A", "2.55").add_gtins("4006381333931");
  service_.on_entry = [this](const EntryPointer& entry,
                             const std::vector<crdt::StockChange>& changes) {
    server_.events().publish(sale_event(*entry, true), entry->envelope.time);
    for (const auto& change : changes) {
      server_.events().publish(
          stock_event(change, entry->envelope.id, service_.low_stock_units(change.product)),
          entry->envelope.time);
    }
  };
  thread_ = std::thread([this] {
    const auto work = boost::asio::make_work_guard(loop_);
    loop_.run();
  });
  client_ = std::make_unique<ApiClient>(address_);
}

LabServer::~LabServer() {
  client_.reset();
  on_loop([this](FakeService&) { server_.close(); });
  boost::asio::post(loop_, [this] { loop_.stop(); });
  thread_.join();
}

void LabServer::on_loop(const std::function<void(FakeService&)>& work) {
  std::promise<void> done;
  boost::asio::post(loop_, [&] {
    work(service_);
    done.set_value();
  });
  done.get_future().wait();
}

void LabServer::publish(const std::vector<Event>& events) {
  on_loop([&](FakeService&) {
    for (const Event& event : events) server_.events().publish(event, {1317888900000});
  });
}

std::size_t LabServer::subscribers() {
  std::size_t count = 0;
  on_loop([&](FakeService&) { count = server_.events().subscribers(); });
  return count;
}

void LabServer::wait_until(const std::string& what,
                           const std::function<bool(FakeService&)>& condition) {
  constexpr int limit_ms = 5000;
  const auto holds = [&] {
    bool does = false;
    on_loop([&](FakeService& service) { does = condition(service); });
    return does;
  };
  titan::test::wait_until(holds, what, {}, limit_ms);
}

HttpReply LabServer::raw(const std::string& method, const std::string& target,
                         const std::string& content_type, const std::string& body,
                         const ApiClient::Headers& headers) {
  auto reply = client_->request(method, target, content_type, body, headers);
  if (!reply) FAIL(method << " " << target << ": " << reply.error().message);
  return *reply;
}

namespace {
JsonReply parsed(HttpReply reply) {
  JsonReply result;
  result.status = reply.status;
  json::error_code error;
  result.body = json::parse(reply.body, error);
  if (error) FAIL("not JSON: " << reply.body);
  result.text = std::move(reply.body);
  return result;
}
}  // namespace

JsonReply LabServer::get(const std::string& target) {
  return parsed(raw("GET", target));
}
JsonReply LabServer::post(const std::string& target, const std::string& body,
                          const std::string& content_type) {
  return parsed(raw("POST", target, content_type, body));
}
JsonReply LabServer::put(const std::string& target, const std::string& body,
                         const std::string& content_type) {
  return parsed(raw("PUT", target, content_type, body));
}

std::string exchange_bytes(std::uint16_t port, const std::string& bytes, int wait_ms) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const auto size = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) break;
      sent += static_cast<std::size_t>(size);
    }
    char buffer[65536];
    pollfd readable{socket, POLLIN, 0};
    while (::poll(&readable, 1, wait_ms) > 0) {
      const auto size = ::recv(socket, buffer, sizeof buffer, 0);
      if (size <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(size));
    }
  }
  ::close(socket);
  return answer;
}

std::string sale_body(const std::string& key, const std::string& more) {
  return R"({"idempotency_key":")" + key + R"(","lines":[{"sku":"A","quantity":"1"}])" + more + "}";
}

}  // namespace titan::pos::test
