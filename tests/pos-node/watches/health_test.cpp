// What a shop is told about a cut, a till alone and a wrong secret.
#include "pos-node/watches/health.h"

#include <catch2/catch.hpp>

using namespace titan;
using namespace titan::pos;
using mesh::MemberState;

namespace {

constexpr WallTime noon{1'764'417'600'000};
const Now now{{std::chrono::hours(10)}, noon};

mesh::MemberView till(const std::string& name, std::uint8_t number,
                      MemberState state = MemberState::alive,
                      Duration state_since = std::chrono::hours(9)) {
  mesh::MemberView view;
  view.member.terminal = name;
  view.member.process.bytes.fill(number);
  view.member.device_key.bytes.fill(number);
  view.state = state;
  view.state_since = {state_since};
  view.is_self = number == 1;
  return view;
}

HealthFacts facts(std::vector<mesh::MemberView> members) {
  HealthFacts made;
  made.members = std::move(members);
  made.now = now;
  return made;
}

std::string codes(const HealthFacts& given) {
  std::string text;
  for (const HealthReason& reason : judge_health(given)) {
    text += (text.empty() ? "" : " ") + reason.code;
  }
  return text;
}

}  // namespace

TEST_CASE("a whole store, a store of one and a till that left are well") {
  CHECK(codes(facts({till("till-1", 1), till("till-2", 2)})).empty());
  CHECK(codes(facts({till("till-1", 1)})).empty());
  CHECK(codes(facts({till("till-1", 1), till("till-2", 2, MemberState::left)})).empty());
  CHECK(codes(facts({till("till-1", 1), till("till-2", 2, MemberState::suspect)})).empty());
}

TEST_CASE("a cut names who is missing, since when, of how many") {
  const auto reasons =
      judge_health(facts({till("till-1", 1), till("till-2", 2),
                          till("till-4", 4, MemberState::dead, std::chrono::hours(9)),
                          till("till-3", 3, MemberState::dead, std::chrono::hours(8))}));
  REQUIRE(reasons.size() == 1);
  const HealthReason& cut = reasons.front();
  INFO(cut.message);
  CHECK(cut.code == "cut");
  CHECK(cut.terminals == std::vector<std::string>{"till-3", "till-4"});
  CHECK(cut.message.find("2 of 4 tills do not answer here: till-3, till-4") == 0);
  REQUIRE(cut.since);
  CHECK(noon.utc_ms - cut.since->utc_ms == 2 * 3600 * 1000);
}

TEST_CASE("who hears none of those it remembers is alone") {
  const auto lonely = facts({till("till-1", 1), till("till-2", 2, MemberState::dead),
                             till("till-3", 3, MemberState::left)});
  CHECK(codes(lonely) == "alone");
  CHECK(is_alone(lonely.members));
  CHECK(judge_health(lonely).front().terminals == std::vector<std::string>{"till-2"});
}

TEST_CASE("a device whose other process is there is not missing") {
  auto restarted = till("till-2", 2);
  restarted.member.process.bytes.fill(9);
  CHECK(codes(facts({till("till-1", 1), restarted, till("till-2", 2, MemberState::dead)})).empty());
}

TEST_CASE("a till that was retired does not keep the store degraded for ever") {
  auto given = facts({till("till-1", 1), till("old", 2, MemberState::dead, seconds(2))});
  const auto met_days_ago = [&](std::int64_t days) {
    given.last_met = [days](const DeviceId&) {
      return std::optional(WallTime{noon.utc_ms - days * 24 * 3600 * 1000});
    };
    return codes(given);
  };
  CHECK(met_days_ago(2) == "alone");
  CHECK(met_days_ago(31).empty());
  // One that was here in this life is missing, however long ago its first meeting was.
  given.members[1].state_since = {std::chrono::hours(3)};
  CHECK(met_days_ago(31) == "alone");
}

TEST_CASE("a wrong secret is told apart from other refusals, and first") {
  auto given = facts({till("till-1", 1)});
  given.refused = {{"10.77.0.3:7411", "different stores", false, {noon.utc_ms - 5000}},
                   {"10.77.0.2:7411", "", true, {noon.utc_ms - 9000}}};
  CHECK(codes(given) == "wrong_secret refused");
  const auto reasons = judge_health(given);
  CHECK(reasons[0].message.find("10.77.0.2:7411") != std::string::npos);
  CHECK(reasons[0].message.find("[store] secret") != std::string::npos);
  CHECK(reasons[0].since == WallTime{noon.utc_ms - 9000});
  CHECK(reasons[1].message.find("different stores") != std::string::npos);
}

TEST_CASE("a cloud and a store database that fail are told, those that are off are not") {
  auto given = facts({till("till-1", 1)});
  given.uplink = {"connecting", "", {}};
  given.store_database.state = "off";
  CHECK(codes(given).empty());
  given.uplink = {"failed", "connection refused", {}};
  given.store_database.state = "failed";
  CHECK(codes(given) == "cloud store_database");
  CHECK_FALSE(judge_health(given).front().since);  // never set, so not 1970
}
