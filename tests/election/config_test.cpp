#include <catch2/catch.hpp>

#include "election/config.h"

namespace titan::election {

TEST_CASE("both profiles are usable as they are") {
  CHECK(Config::wired().validate().empty());
  CHECK(Config::wireless().validate().empty());
}

TEST_CASE("a roaming gap of 3 s is within the wireless lease") {
  CHECK(Config::wireless().lease > seconds(3));
}

TEST_CASE("every complaint names the field and what to do") {
  Config config;
  config.lease = milliseconds(150);
  config.start_wait = milliseconds(100);
  config.rank_count = 0;
  config.withheld_max = 0;
  const auto complaints = config.validate();
  REQUIRE(complaints.size() == 4);
  CHECK(complaints[0] ==
        "election.lease is 150 ms with a beat every 100 ms: one lost beat would start an election; "
        "use at least 3 beats");
  for (const std::string& complaint : complaints) {
    INFO(complaint);
    CHECK(complaint.rfind("election.", 0) == 0);
    CHECK(complaint.find("use ") != std::string::npos);
  }
}

}  // namespace titan::election
