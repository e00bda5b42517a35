#include "tests/cloud/cloud_process.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <pqxx/pqxx>
#include <sstream>

#include "uplink/postgres/schema.h"

extern char** environ;

namespace titan::test {
namespace {

// The first line a command prints.
std::string output_of(const std::string& command) {
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

}  // namespace

CloudProcess::CloudProcess(bool tls) : postgres(shared_postgres()), port(free_port()), tls_(tls) {
  postgres.start();
  {
    const auto connection = uplink::open_connection(postgres.url());
    pqxx::work transaction(*connection);
    transaction.exec("DROP SCHEMA IF EXISTS tenant_acme CASCADE");
    transaction.commit();
  }
  write_config();
  if (tls_) make_certificate();
  start();
}

void CloudProcess::write_config() const {
  std::ofstream file(folder_.path + "/cloud.toml");
  file << "[gateway]\n"
       << "listen = \"127.0.0.1:" << port << "\"\n"
       << "data = \"" << folder_.path << "/data\"\n"
       << "admin_key = \"admin-key-1\"\n";
  if (tls_) {
    file << "tls_certificate = \"" << certificate() << "\"\n"
         << "tls_key = \"" << folder_.path << "/key.pem\"\n";
  }
  file << "[database]\n"
       << "url = \"" << postgres.url() << "\"\n"
       << "[[tenants]]\n"
       << "name = \"acme\"\n"
       << "access_key = \"access-key-1\"\n"
       << "[log]\n"
       << "level = \"debug\"\n"
       << "file = \"" << folder_.path << "/log\"\n";
}

void CloudProcess::make_certificate() const {
  output_of(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
      "-subj /CN=titan-test -addext subjectAltName=IP:127.0.0.1 -keyout " +
      folder_.path + "/key.pem -out " + certificate() + " 2>/dev/null && echo made");
}

void CloudProcess::start() {
  const std::string config = folder_.path + "/cloud.toml";
  const char* arguments[] = {TITAN_CLOUD_PROGRAM, "run", "--config", config.c_str(), nullptr};
  REQUIRE(::posix_spawn(&pid_, TITAN_CLOUD_PROGRAM, nullptr, nullptr, const_cast<char**>(arguments),
                        environ) == 0);
  if (tls_) {
    wait_until([&] { return log().find("listens on") != std::string::npos; }, "a cloud",
               [&] { return log(); });
    key = PublicKey::from_hex_text(output_of(std::string(TITAN_CLOUD_PROGRAM) + " keygen --data " +
                                             folder_.path + "/data"))
              .value();
    return;
  }
  wait_until([&] { return http(port, "GET", "/healthz").status == 200; }, "a healthy cloud",
             [&] { return log(); });
  const auto text = http(port, "GET", "/v1/key").json().at("public_key").as_string();
  key = PublicKey::from_hex_text(std::string_view(text)).value();
}

void CloudProcess::kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  int state = 0;
  ::waitpid(pid_, &state, 0);
  pid_ = 0;
}

std::optional<int> CloudProcess::terminate(int limit_ms) {
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

std::string CloudProcess::log() const {
  std::ifstream file(folder_.path + "/log");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string CloudProcess::store(const std::string& rest, const std::string& name) const {
  return "/v1/tenants/acme/stores/" + name + rest;
}

std::map<std::string, std::string> CloudProcess::stock() const {
  std::map<std::string, std::string> shown;
  const auto answer = get(store("/stock?limit=10000"));
  if (answer.status != 200) return shown;
  const auto document = answer.json();
  for (const auto& row : document.at("stock").as_array()) {
    shown[std::string(row.at("sku").as_string())] = std::string(row.at("on_hand").as_string());
  }
  return shown;
}

std::string CloudProcess::stock_of(const std::string& sku) const {
  const auto shown = stock();
  const auto found = shown.find(sku);
  return found == shown.end() ? "never moved" : found->second;
}

}  // namespace titan::test
