#include <catch2/catch.hpp>

#include "discovery/avahi/service_record.h"

using namespace titan;
using namespace titan::discovery;

namespace {

ServiceRecord record_of(const std::string& tenant, const std::string& store,
                        const std::string& terminal) {
  Random random(1);
  ServiceRecord record;
  record.tenant = tenant;
  record.store = store;
  record.terminal = terminal;
  record.device_key = KeyPair::from_seed(SecretSeed::draw(random)).public_key;
  record.port = 7411;
  return record;
}

}  // namespace

TEST_CASE("each store has a sub-type of its own", "[avahi]") {
  const std::string type = record_of("acme", "london-1", "till-1").store_type();
  CHECK(type.size() == 1 + 16 + std::string("._sub._titan-mesh._tcp").size());
  CHECK(type == record_of("acme", "london-1", "till-2").store_type());
  CHECK(type != record_of("acme", "london-2", "till-1").store_type());
  CHECK(type != record_of("rival", "london-1", "till-1").store_type());
  CHECK(record_of("ab", "c", "t").store_type() != record_of("a", "bc", "t").store_type());
}

TEST_CASE("a service name fits a DNS label, whatever the terminal is called", "[avahi]") {
  CHECK(record_of("a", "b", "till-1").service_name().starts_with("till-1-"));
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xc3\xa4";
  const std::string name = record_of("a", "b", "x" + umlauts).service_name();
  CHECK(name.size() <= 63);
  CHECK(name.substr(0, 3) == "x\xc3\xa4");
  CHECK((name.size() - 1 - 9) % 2 == 0);  // cut between characters
}

TEST_CASE("a TXT record names its device, unless it is of another store or broken", "[avahi]") {
  const ServiceRecord own = record_of("acme", "london-1", "till-1");
  auto txt = own.txt();
  CHECK(txt.at("v") == "1");
  CHECK(device_in_txt(own, txt) == own.device());
  txt["store"] = "london-2";
  CHECK_FALSE(device_in_txt(own, txt));
  txt = own.txt();
  txt["device"] = "xyz";
  CHECK_FALSE(device_in_txt(own, txt));
  txt.erase("device");
  CHECK_FALSE(device_in_txt(own, txt));
  CHECK_FALSE(device_in_txt(own, {}));
}
