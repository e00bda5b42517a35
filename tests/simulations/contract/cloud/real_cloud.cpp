#include "tests/simulations/contract/cloud/real_cloud.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "tests/cloud/test_http.h"
#include "uplink/postgres/schema.h"
#include "uplink/postgres/store_projector.h"
#include "uplink/websocket/websocket_client.h"

extern char** environ;

namespace titan::test {

class RealCloud::Uplink final : public UplinkUnderTest {
 public:
  Uplink(RealCloud& all, const Till& till, std::uint16_t port) : UplinkUnderTest(all, till) {
    uplink::CloudUrl url;
    url.host = "127.0.0.1";
    url.port = std::to_string(port);
    url.target = "/v1/uplink";
    uplink::WebSocketHandlers handlers;
    handlers.on_connected = [this](std::uint64_t) { open_ = true; };
    handlers.on_message = [this](std::uint64_t, const Bytes& bytes) { on_message(bytes); };
    handlers.on_closed = [this](std::uint64_t, const std::string& why) {
      open_ = false;
      closed_ = why;
    };
    client_ = std::move(*uplink::WebSocketClient::make(all.loop_, url, "", std::move(handlers)));
    client_->connect(1);
    all.run_until([&] { return open_ || !closed_.empty(); }, "a connection");
    REQUIRE(closed_.empty());
  }

  void close(const std::string& reason) override {
    client_->disconnect(1, reason);
    open_ = false;
  }
  bool is_open() const override { return open_; }

 protected:
  void send_bytes(Bytes message) override { client_->send(1, std::move(message)); }

 private:
  std::unique_ptr<uplink::WebSocketClient> client_;
  bool open_ = false;
  std::string closed_;
};

RealCloud::RealCloud(std::uint32_t gateways) : postgres_(shared_postgres()), gateways_(gateways) {
  postgres_.start();
  eyes_ = uplink::open_connection(postgres_.url());
  {
    pqxx::work transaction(*eyes_);
    transaction.exec("DROP SCHEMA IF EXISTS " + uplink::schema_of(contract_tenant) + " CASCADE");
    transaction.commit();
  }
  uplink::set_search_path(*eyes_, contract_tenant);
  for (std::size_t i = 0; i < gateways_.size(); ++i) {
    configure(gateways_[i], i);
    start(gateways_[i]);
  }
  const auto answer = http(gateways_[0].port, "GET", "/v1/key").json();
  key_ = PublicKey::from_hex_text(std::string_view(answer.at("public_key").as_string())).value();
}

RealCloud::~RealCloud() {
  for (Gateway& gateway : gateways_) kill(gateway);
}

// All have one data folder, and so one key, and one database.
void RealCloud::configure(Gateway& gateway, std::size_t number) const {
  const std::string name = folder_.path + "/gateway-" + std::to_string(number + 1);
  gateway.port = free_port();
  gateway.config = name + ".toml";
  gateway.log = name + ".log";
  std::ofstream(gateway.config) << "[gateway]\nlisten = \"127.0.0.1:" << gateway.port
                                << "\"\ndata = \"" << folder_.path
                                << "/data\"\nadmin_key = \"admin-key-1\"\n[database]\nurl = \""
                                << postgres_.url() << "\"\n[[tenants]]\nname = \""
                                << contract_tenant << "\"\naccess_key = \"" << access_key()
                                << "\"\n[log]\nlevel = \"debug\"\nfile = \"" << gateway.log
                                << "\"\n";
}

void RealCloud::start(Gateway& gateway) {
  const char* arguments[] = {TITAN_CLOUD_PROGRAM, "run", "--config", gateway.config.c_str(),
                             nullptr};
  REQUIRE(::posix_spawn(&gateway.process, TITAN_CLOUD_PROGRAM, nullptr, nullptr,
                        const_cast<char**>(arguments), environ) == 0);
  wait_until([&] { return http(gateway.port, "GET", "/healthz").status == 200; },
             "a healthy gateway",
             [&] {
               std::ostringstream text;
               text << std::ifstream(gateway.log).rdbuf();
               return text.str();
             });
}

void RealCloud::kill(Gateway& gateway) {
  if (gateway.process == 0) return;
  ::kill(gateway.process, SIGKILL);
  int state = 0;
  ::waitpid(gateway.process, &state, 0);
  gateway.process = 0;
}

std::unique_ptr<UplinkUnderTest> RealCloud::connect(const Till& till) {
  return std::make_unique<Uplink>(*this, till, gateways_[next_++ % gateways_.size()].port);
}

void RealCloud::restart() {
  for (Gateway& gateway : gateways_) kill(gateway);
  for (Gateway& gateway : gateways_) start(gateway);
}

std::string RealCloud::store(const std::string& rest) {
  return std::string("/v1/tenants/") + contract_tenant + "/stores/" + contract_store + rest;
}

void RealCloud::reset_lease() {
  REQUIRE(http(gateways_[0].port, "POST", store("/lease/reset")).status == 200);
}

void RealCloud::stall_first_gateway(Duration length) {
  REQUIRE(::kill(gateways_[0].process, SIGSTOP) == 0);
  stalled_until_ = now() + length;
}

void RealCloud::change_products(std::uint32_t count) {
  std::string body;
  for (std::uint32_t i = 1; i <= count; ++i) {
    body += (body.empty() ? "" : ",") + std::string(R"({"sku":"product-)") + std::to_string(i) +
            R"(","description":"a product","price":"1.00","currency":"GBP"})";
  }
  const auto answer = http(gateways_[0].port, "PUT", store("/products"),
                           std::string(R"({"products":[)") + body + "]}");
  CAPTURE(answer.body);
  REQUIRE(answer.status == 200);
}

std::map<JournalId, crdt::IntervalSet> RealCloud::held() {
  std::map<JournalId, crdt::IntervalSet> held;
  pqxx::work transaction(*eyes_);
  for (const auto& row : transaction.exec("SELECT journal, stored FROM sync_state")) {
    const auto journal = JournalId::from_bytes(pqxx::binarystring(row[0]).str());
    REQUIRE(journal);
    held[*journal] = uplink::intervals_from_text(row[1].as<std::string>());
  }
  return held;
}

crdt::Stock::Sums RealCloud::stock() {
  crdt::Stock::Sums sums;
  pqxx::work transaction(*eyes_);
  for (const auto& row : transaction.exec("SELECT sku, added, removed FROM inventory")) {
    const crdt::StockSum sum{std::stoull(row[1].c_str()), std::stoull(row[2].c_str())};
    if (sum != crdt::StockSum{}) sums[row[0].as<std::string>()] = sum;
  }
  return sums;
}

Duration RealCloud::now() const {
  using namespace std::chrono;
  return duration_cast<Duration>(steady_clock::now().time_since_epoch());
}

void RealCloud::wait(const Condition& condition, const std::string& what, Duration limit) {
  const Duration end = now() + limit;
  while (!condition()) {
    if (now() > end) FAIL("waited " << limit / milliseconds(1) << " ms for: " << what);
    if (stalled_until_ && now() >= *stalled_until_) {
      stalled_until_.reset();
      ::kill(gateways_[0].process, SIGCONT);
    }
    loop_.restart();
    loop_.run_one_for(milliseconds(5));
  }
}

}  // namespace titan::test
