// Real titan-cloud processes on one PostgreSQL, behind the face of the cloud's contract tests.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <pqxx/pqxx>

#include "tests/cloud/cloud_process.h"
#include "tests/simulations/contract/cloud/cloud_under_test.h"

namespace titan::test {

class RealCloud final : public CloudUnderTest {
 public:
  explicit RealCloud(std::uint32_t gateways = 1);
  ~RealCloud() override;

  std::unique_ptr<UplinkUnderTest> connect(const Till& till) override;
  void restart() override;
  void reset_lease() override;
  void stall_first_gateway(Duration length) override;
  void change_products(std::uint32_t count) override;
  PublicKey key() const override { return key_; }
  std::string access_key() const override { return "access-key-1"; }
  std::map<JournalId, crdt::IntervalSet> held() override;
  crdt::Stock::Sums stock() override;
  Duration now() const override;

 protected:
  void wait(const Condition& condition, const std::string& what, Duration limit) override;

 private:
  class Uplink;
  struct Gateway {
    std::uint16_t port = 0;
    std::string config;
    std::string log;
    pid_t process = 0;
  };

  static std::string store(const std::string& rest);  // its address at head office's port
  void configure(Gateway& gateway, std::size_t number) const;
  static void start(Gateway& gateway);
  static void kill(Gateway& gateway);

  TestPostgres& postgres_;
  TemporaryFolder folder_;
  boost::asio::io_context loop_{1};
  std::vector<Gateway> gateways_;
  std::size_t next_ = 0;
  std::unique_ptr<pqxx::connection> eyes_;
  PublicKey key_;
  std::optional<Duration> stalled_until_;
};

}  // namespace titan::test
