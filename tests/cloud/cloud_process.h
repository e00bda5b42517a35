// titan-cloud as a child process with a PostgreSQL of its own, and the two ways to talk to it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "tests/uplink/postgres/test_postgres.h"
#include "tests/uplink/till.h"
#include "uplink/messages.h"
#include "uplink/postgres/schema.h"
#include "uplink/websocket/websocket_client.h"
#include "uplink/wire/uplink_codec.h"

extern char** environ;

namespace titan::test {

inline std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

struct HttpAnswer {
  int status = 0;
  std::string body;
  boost::json::value json() const { return boost::json::parse(body); }
};

inline HttpAnswer http(std::uint16_t port, const std::string& method, const std::string& target,
                       const std::string& body = {}, const std::string& key = "admin-key-1",
                       const std::string& type = "application/json") {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  HttpAnswer answer;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = method + " " + target + " HTTP/1.1\r\nHost: cloud\r\n" +
                                "Authorization: Bearer " + key + "\r\nContent-Type: " + type +
                                "\r\nContent-Length: " + std::to_string(body.size()) +
                                "\r\nConnection: close\r\n\r\n" + body;
    std::size_t sent = 0;
    while (sent < request.size()) {
      const auto n = ::send(socket, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    std::string reply;
    char buffer[16384];
    for (ssize_t n; (n = ::read(socket, buffer, sizeof buffer)) > 0;) {
      reply.append(buffer, static_cast<std::size_t>(n));
    }
    if (reply.size() > 12) answer.status = std::atoi(reply.c_str() + 9);
    const auto end = reply.find("\r\n\r\n");
    if (end != std::string::npos) answer.body = reply.substr(end + 4);
  }
  ::close(socket);
  return answer;
}

// One server for all cases; each begins with an empty tenant.
inline TestPostgres& shared_postgres() {
  static TestPostgres server;
  return server;
}

class CloudProcess {
 public:
  explicit CloudProcess(bool tls = false)
      : postgres(shared_postgres()), port(free_port()), tls_(tls) {
    postgres.start();
    {
      const auto connection = uplink::open_connection(postgres.url());
      pqxx::work transaction(*connection);
      transaction.exec("DROP SCHEMA IF EXISTS tenant_acme CASCADE");
      transaction.commit();
    }
    std::ofstream(folder_.path + "/cloud.toml")
        << "[gateway]\nlisten = \"127.0.0.1:" << port << "\"\ndata = \"" << folder_.path
        << "/data\"\n"
        << (tls_ ? "tls_certificate = \"" + certificate() + "\"\ntls_key = \"" + folder_.path +
                       "/key.pem\"\n"
                 : std::string())
        << "admin_key = \"admin-key-1\"\n[database]\nurl = \"" << postgres.url()
        << "\"\n[[tenants]]\nname = \"acme\"\naccess_key = \"access-key-1\"\n[log]\nlevel = "
           "\"debug\"\nfile = \""
        << folder_.path << "/log\"\n";
    if (tls_) make_certificate();
    start();
  }
  ~CloudProcess() { kill(); }

  bool tls() const { return tls_; }
  std::string certificate() const { return folder_.path + "/certificate.pem"; }

  void start() {
    const std::string config = folder_.path + "/cloud.toml";
    const char* arguments[] = {TITAN_CLOUD_PROGRAM, "run", "--config", config.c_str(), nullptr};
    REQUIRE(::posix_spawn(&pid_, TITAN_CLOUD_PROGRAM, nullptr, nullptr,
                          const_cast<char**>(arguments), environ) == 0);
    if (tls_) {
      wait_until([&] { return log().find("listens on") != std::string::npos; }, "a cloud",
                 [&] { return log(); });
      key = PublicKey::from_hex_text(output_of(std::string(TITAN_CLOUD_PROGRAM) +
                                               " keygen --data " + folder_.path + "/data"))
                .value();
      return;
    }
    wait_until([&] { return http(port, "GET", "/healthz").status == 200; }, "a healthy cloud",
               [&] { return log(); });
    const auto text = http(port, "GET", "/v1/key").json().at("public_key").as_string();
    key = PublicKey::from_hex_text(std::string_view(text)).value();
  }
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    int state = 0;
    ::waitpid(pid_, &state, 0);
    pid_ = 0;
  }
  // Its exit code, or nothing if it did not end in time.
  std::optional<int> terminate(int limit_ms) {
    ::kill(pid_, SIGTERM);
    const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
    int state = 0;
    while (::waitpid(pid_, &state, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > limit) return std::nullopt;
      pause_ms(2);
    }
    pid_ = 0;
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
  }
  std::string log() const {
    std::ifstream file(folder_.path + "/log");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  HttpAnswer get(const std::string& target) const { return http(port, "GET", target); }
  std::string store(const std::string& rest, const std::string& name = "london-1") const {
    return "/v1/tenants/acme/stores/" + name + rest;
  }
  // "on_hand" per sku, as the cloud shows it.
  std::map<std::string, std::string> stock() const {
    std::map<std::string, std::string> shown;
    const auto answer = get(store("/stock?limit=10000"));
    if (answer.status != 200) return shown;
    const auto document = answer.json();
    for (const auto& row : document.at("stock").as_array()) {
      shown[std::string(row.at("sku").as_string())] = std::string(row.at("on_hand").as_string());
    }
    return shown;
  }

  TestPostgres& postgres;
  const std::uint16_t port;
  PublicKey key;

 private:
  // The first line a command prints.
  static std::string output_of(const std::string& command) {
    FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe);
    char line[256] = {};
    const bool printed = std::fgets(line, sizeof line, pipe) != nullptr;
    CHECK(::pclose(pipe) == 0);
    REQUIRE(printed);
    std::string text(line);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
  void make_certificate() const {
    output_of(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=titan-test -addext subjectAltName=IP:127.0.0.1 -keyout " +
        folder_.path + "/key.pem -out " + certificate() + " 2>/dev/null && echo made");
  }

  TemporaryFolder folder_;
  const bool tls_;
  pid_t pid_ = 0;
};

// The protocol by hand: what a leader says, message by message.
class TestUplink {
 public:
  // Over TLS it trusts the cloud's own certificate, unless told another file.
  explicit TestUplink(const CloudProcess& cloud, const Till& till,
                      std::optional<std::string> ca_file = {})
      : till_(till) {
    uplink::CloudUrl url;
    url.tls = cloud.tls();
    url.host = "127.0.0.1";
    url.port = std::to_string(cloud.port);
    url.target = "/v1/uplink";
    uplink::WebSocketHandlers handlers;
    handlers.on_connected = [this](std::uint64_t) { open = true; };
    handlers.on_message = [this](std::uint64_t, Bytes bytes) {
      auto message = uplink::decode_to_store(bytes);
      REQUIRE(message);
      inbox.push_back(std::move(*message));
    };
    handlers.on_closed = [this](std::uint64_t, const std::string& why) {
      open = false;
      closed = why;
    };
    client_ = std::move(*uplink::WebSocketClient::make(
        loop_, url, ca_file.value_or(cloud.tls() ? cloud.certificate() : ""), std::move(handlers)));
    client_->connect(1);
    run_until([&] { return open || !closed.empty(); }, "a connection");
    if (open) nonce = receive<uplink::Challenge>().nonce;
  }

  void run_until(const std::function<bool()>& condition, const std::string& what,
                 int limit_ms = 20'000) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > limit) {
        FAIL("waited for " << what << "; closed: '" << closed
                           << "', messages waiting: " << inbox.size());
      }
      loop_.restart();
      loop_.run_one_for(std::chrono::milliseconds(20));
    }
  }

  void send(const uplink::ToCloud& message) {
    client_->send(1, uplink::encode(message, till_.key));
  }
  void send_signed_by(const uplink::ToCloud& message, const KeyPair& key) {
    client_->send(1, uplink::encode(message, key));
  }
  void disconnect(const std::string& why) {
    client_->disconnect(1, why);
    for (int i = 0; i < 20; ++i) {
      loop_.restart();
      loop_.run_for(std::chrono::milliseconds(5));
    }
  }

  // The first message of this kind; others stay in the inbox.
  template <class Message>
  Message receive(int limit_ms = 20'000) {
    const auto fits = [](const auto& m) { return std::holds_alternative<Message>(m); };
    run_until([&] { return std::any_of(inbox.begin(), inbox.end(), fits); },
              std::string("a message of type ") + typeid(Message).name(), limit_ms);
    const auto found = std::find_if(inbox.begin(), inbox.end(), fits);
    Message message = std::get<Message>(std::move(*found));
    inbox.erase(found);
    return message;
  }

  uplink::Handshake handshake(std::uint64_t term, const std::string& store = "london-1") const {
    uplink::Handshake message;
    message.tenant = "acme";
    message.store = store;
    message.device_key = till_.key.public_key;
    message.token = {term, till_.process};
    message.terminal = "till";
    message.access_key = "access-key-1";
    message.nonce = nonce;
    return message;
  }
  uplink::HandshakeAccepted join(std::uint64_t term, const std::string& store = "london-1") {
    send(handshake(term, store));
    return receive<uplink::HandshakeAccepted>();
  }
  void send_batch(const std::vector<EntryPointer>& entries) {
    uplink::Batch batch;
    batch.sequence = ++sequence_;
    for (const auto& entry : entries) batch.entries.push_back(entry->bytes);
    send(batch);
  }
  uplink::BatchAck upload(const std::vector<EntryPointer>& entries) {
    send_batch(entries);
    return receive<uplink::BatchAck>();
  }

  std::deque<uplink::ToStore> inbox;
  std::string closed;
  uplink::Nonce nonce;  // of the challenge
  bool open = false;

 private:
  const Till& till_;
  boost::asio::io_context loop_{1};
  std::unique_ptr<uplink::WebSocketClient> client_;
  std::uint64_t sequence_ = 0;
};

}  // namespace titan::test
