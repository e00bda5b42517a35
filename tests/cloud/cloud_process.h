// titan-cloud as a child process with a PostgreSQL: to be started, killed, asked and read.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/crypto.h"
#include "tests/cloud/test_http.h"
#include "tests/uplink/postgres/test_postgres.h"

namespace titan::test {

// One server for all cases; each begins with an empty tenant.
inline TestPostgres& shared_postgres() {
  static TestPostgres server;
  return server;
}

// Of the tenant "acme". It runs, and answers, once it is constructed.
class CloudProcess {
 public:
  explicit CloudProcess(bool tls = false);
  ~CloudProcess() { kill(); }
  CloudProcess(const CloudProcess&) = delete;
  CloudProcess& operator=(const CloudProcess&) = delete;

  void start();
  void kill();
  // Its exit code, or nothing if it did not end in time.
  std::optional<int> terminate(int limit_ms);

  bool tls() const { return tls_; }
  std::string certificate() const { return folder_.path + "/certificate.pem"; }
  std::string log() const;

  // "/v1/tenants/acme/stores/NAME" and what follows.
  std::string store(const std::string& rest, const std::string& name = "london-1") const;
  HttpAnswer get(const std::string& target) const { return http(port, "GET", target); }
  // "on_hand" per sku, as the cloud shows it.
  std::map<std::string, std::string> stock() const;
  // "never moved" where it shows none.
  std::string stock_of(const std::string& sku) const;

  TestPostgres& postgres;
  const std::uint16_t port;
  PublicKey key;

 private:
  void write_config() const;
  void make_certificate() const;

  TemporaryFolder folder_;
  const bool tls_;
  pid_t pid_ = 0;  // 0: it does not run
};

}  // namespace titan::test
