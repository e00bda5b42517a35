// How many attempts may be in flight, and whose turn it is.
#include "mesh/zmq/dial_budget.h"

#include <catch2/catch.hpp>

using namespace titan::mesh;

namespace {

std::string at(int host, int port = 7411) {
  return "10.77.0." + std::to_string(host) + ":" + std::to_string(port);
}

}  // namespace

TEST_CASE("few unproven attempts are in flight, and fewer at one host", "[dial-budget]") {
  DialBudget budget{DialLimits{}};
  int begun = 0;
  for (int port = 1; port <= 400; ++port) begun += budget.take(at(9, port), false);
  CHECK(begun == 4);
  for (int host = 10; host < 30; ++host) begun += budget.take(at(host), false);
  CHECK(begun == 8);
  CHECK(budget.in_flight() == 8);
  CHECK(budget.waiting() == 396 + 16);
}

TEST_CASE("who waited longest is next, as far as its host allows", "[dial-budget]") {
  DialBudget budget{DialLimits{2, 1, 64}};
  CHECK(budget.take(at(1), false));
  CHECK(budget.take(at(2), false));
  CHECK_FALSE(budget.take(at(1, 1), false));
  CHECK_FALSE(budget.take(at(3), false));
  CHECK_FALSE(budget.next());
  budget.give_back(at(2));
  CHECK(budget.next() == at(3));
  // One that comes now does not overtake it.
  CHECK_FALSE(budget.take(at(4), false));
  CHECK(budget.take(at(3), false));
  budget.give_back(at(1));
  CHECK(budget.next() == at(1, 1));
  CHECK(budget.take(at(1, 1), false));
  CHECK_FALSE(budget.is_waiting(at(1, 1)));
}

TEST_CASE("a proven address waits for no stranger", "[dial-budget]") {
  DialBudget budget{DialLimits{2, 2, 3}};
  CHECK(budget.take(at(1), false));
  CHECK(budget.take(at(2), false));
  CHECK_FALSE(budget.take(at(3), false));
  CHECK(budget.take(at(4), true));
  CHECK_FALSE(budget.take(at(5), true));
  budget.give_back(at(1));
  CHECK(budget.next() == at(5));
  CHECK(budget.take(at(5), true));
  budget.give_back(at(4));
  CHECK(budget.next() == at(3));
}

TEST_CASE("an address that is given up neither waits nor counts", "[dial-budget]") {
  DialBudget budget{DialLimits{1, 1, 8}};
  CHECK(budget.take(at(1), false));
  CHECK(budget.take(at(1), false));  // under way already
  CHECK_FALSE(budget.take(at(2), false));
  budget.give_back(at(2));
  budget.give_back(at(1));
  budget.give_back(at(1));
  CHECK(budget.in_flight() == 0);
  CHECK(budget.unproven() == 0);
  CHECK(budget.waiting() == 0);
  CHECK(host_of_address("[fe80::1%eth0]:7411") == "[fe80::1%eth0]");
}
