#include "retail/shares.h"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <numeric>

using namespace titan::retail;
using Amounts = std::vector<std::int64_t>;

TEST_CASE("the largest remainder gets the penny") {
  CHECK(share_out(100, Amounts{300, 200, 200}) == Amounts{43, 29, 28});
  CHECK(share_out(-100, Amounts{300, 200, 200}) == Amounts{-43, -29, -28});
  CHECK(share_out(1, Amounts{1, 1, 1}) == Amounts{1, 0, 0});
  CHECK(share_out(7, Amounts{0, 0}) == Amounts{4, 3});  // nothing to go by: evenly
  CHECK(share_out(0, Amounts{5}) == Amounts{0});
}

TEST_CASE("what is bought bears a discount; what comes back does not, unless nothing is bought") {
  CHECK(bearing_weights(Amounts{6000, -2000}) == Amounts{6000, 0});
  CHECK(bearing_weights(Amounts{-6000, -2000}) == Amounts{6000, 2000});
  CHECK(bearing_weights(Amounts{0, 0}) == Amounts{0, 0});
}

TEST_CASE("shares add up to the whole, and none is off by a unit") {
  REQUIRE(rc::check([] {
    const auto weights = *rc::gen::nonEmpty<Amounts>(
        rc::gen::container<Amounts>(rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000)));
    const auto amount = *rc::gen::inRange<std::int64_t>(-1'000'000'000'000, 1'000'000'000'000);
    const Amounts shares = share_out(amount, weights);
    RC_ASSERT(std::accumulate(shares.begin(), shares.end(), std::int64_t{0}) == amount);
    SignedWide sum = 0;
    for (const auto weight : weights) sum += weight;
    for (std::size_t i = 0; i < weights.size() && sum > 0; ++i) {
      const SignedWide off =
          static_cast<SignedWide>(shares[i]) * sum - static_cast<SignedWide>(amount) * weights[i];
      RC_ASSERT((off < 0 ? -off : off) < sum);
    }
  }));
}
