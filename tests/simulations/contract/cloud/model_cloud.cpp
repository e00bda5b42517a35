#include "tests/simulations/contract/cloud/model_cloud.h"

namespace titan::test {
namespace {

constexpr std::uint32_t places = 2;  // the shop and the cloud

simulations::Scenario scenario_of(std::uint32_t gateways) {
  simulations::Scenario scenario;
  scenario.topology.terminals.resize(places - 1);
  scenario.topology.terminals[0].name = "till";
  scenario.topology.gateways = gateways;
  return scenario;
}

}  // namespace

// What the connection still tells when its user is gone comes to nothing.
class ModelCloud::Uplink final : public UplinkUnderTest {
 public:
  Uplink(ModelCloud& all, const Till& till)
      : UplinkUnderTest(all, till), life_(std::make_shared<Uplink*>(this)) {
    simulations::Tcp::Side own;
    own.place = 0;
    own.on_frame = [life = std::weak_ptr(life_)](const Bytes& frame) {
      const auto alive = life.lock();
      if (!alive) return;
      Uplink& uplink = **alive;
      uplink.tcp_->taken(0, frame.size());
      REQUIRE(frame.front() == simulations::uplink_message_mark);
      uplink.on_message(BytesView(frame).substr(1));
    };
    own.on_end = [](simulations::TcpEnd) {};
    tcp_ = all.cloud_->accept(std::move(own));
    REQUIRE(tcp_);
  }
  ~Uplink() override {
    if (tcp_->is_open(0)) close("the test ends");
  }

  void close(const std::string& reason) override {
    tcp_->send(0, simulations::uplink_close_mark + reason);
    tcp_->close(0);
  }
  bool is_open() const override { return tcp_->is_open(0); }

 protected:
  void send_bytes(Bytes message) override {
    tcp_->send(0, simulations::uplink_message_mark + message);
  }

 private:
  const std::shared_ptr<Uplink*> life_;
  std::shared_ptr<simulations::Tcp> tcp_;
};

ModelCloud::ModelCloud(std::uint32_t gateways)
    : scenario_(scenario_of(gateways)),
      recorder_(schedule_),
      lan_(scenario_.topology, places, Random(3)),
      random_(5),
      key_(key_of("the model's cloud")),
      surroundings_{scenario_, schedule_, lan_, recorder_, random_, key_.public_key} {
  surroundings_.connection_made = [](const std::shared_ptr<simulations::Tcp>&) {};
  cloud_ =
      std::make_unique<simulations::Cloud>(surroundings_, codec_, key_, simulations::CloudBugs{});
  surroundings_.cloud = cloud_.get();
}

std::unique_ptr<UplinkUnderTest> ModelCloud::connect(const Till& till) {
  return std::make_unique<Uplink>(*this, till);
}

void ModelCloud::reset_lease() {
  cloud_->reset_lease();
  let_pass(milliseconds(10));  // more than a transaction of the model takes
}

std::map<JournalId, crdt::IntervalSet> ModelCloud::held() {
  std::map<JournalId, crdt::IntervalSet> held;
  for (const auto& [device, journals] : cloud_->vector().devices()) {
    for (const auto& [journal, item] : journals) held[journal] = item.stored;
  }
  return held;
}

void ModelCloud::wait(const Condition& condition, const std::string& what, Duration limit) {
  const MonoTime end = schedule_.now() + limit;
  while (!condition()) {
    if (schedule_.now() >= end) {
      FAIL("waited " << limit / milliseconds(1) << " ms of virtual time for: " << what);
    }
    schedule_.step(std::min(end, schedule_.now() + milliseconds(1)));
  }
}

}  // namespace titan::test
