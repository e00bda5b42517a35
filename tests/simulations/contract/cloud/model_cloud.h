// The simulator's model of the cloud, behind the face of its contract tests.
#pragma once

#include "mesh/wire/wire_codec.h"
#include "simulations/model/cloud.h"
#include "tests/simulations/contract/cloud/cloud_under_test.h"

namespace titan::test {

class ModelCloud final : public CloudUnderTest {
 public:
  explicit ModelCloud(std::uint32_t gateways = 1);

  std::unique_ptr<UplinkUnderTest> connect(const Till& till) override;
  void restart() override { cloud_->restart(); }
  void reset_lease() override;
  void stall_first_gateway(Duration length) override { cloud_->stall_gateway(length); }
  void change_products(std::uint32_t count) override { cloud_->change_products(count); }
  PublicKey key() const override { return key_.public_key; }
  std::string access_key() const override { return simulations::access_key; }
  std::map<JournalId, crdt::IntervalSet> held() override;
  crdt::Stock::Sums stock() override { return cloud_->stock().sums(); }
  Duration now() const override { return schedule_.now().since_start; }

 protected:
  void wait(const Condition& condition, const std::string& what, Duration limit) override;

 private:
  class Uplink;

  const simulations::Scenario scenario_;
  simulations::Schedule schedule_;
  simulations::Recorder recorder_;
  simulations::Lan lan_;
  Random random_;
  const KeyPair key_;
  const mesh::WireCodec codec_;
  simulations::Surroundings surroundings_;
  std::unique_ptr<simulations::Cloud> cloud_;
};

}  // namespace titan::test
