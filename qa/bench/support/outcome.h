// What one design did, all rounds together.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <vector>

#include "qa/bench/support/stamps.h"

namespace titan::bench {

struct Outcome {
  Latencies all;
  std::vector<std::int64_t> answers;  // times until a till answered, where tills are asked
  std::vector<double> p50_of_rounds;
  std::vector<double> rates;

  void add(const Latencies& round);
  boost::json::object to_json() const;
};

}  // namespace titan::bench
