// Times of many events in nanoseconds, summed up in milliseconds.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <vector>

namespace titan::bench {

// {"count", "p50_ms", "p90_ms", "p99_ms", "max_ms"}; null figures when there is nothing.
boost::json::object summary(std::vector<std::int64_t> nanoseconds);

double quantile_ms(std::vector<std::int64_t> nanoseconds, double q);

}  // namespace titan::bench
