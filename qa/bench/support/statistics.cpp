#include "qa/bench/support/statistics.h"

#include <algorithm>
#include <cmath>

namespace titan::bench {
namespace {

// Nearest rank: the smallest value that at least a share q of all does not exceed.
double of_sorted(const std::vector<std::int64_t>& sorted, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return static_cast<double>(sorted[std::max<std::size_t>(rank, 1) - 1]) / 1e6;
}

}  // namespace

boost::json::object summary(std::vector<std::int64_t> nanoseconds) {
  std::sort(nanoseconds.begin(), nanoseconds.end());
  boost::json::object result;
  result["count"] = nanoseconds.size();
  const auto put = [&](const char* name, double q) {
    if (nanoseconds.empty()) {
      result[name] = nullptr;
    } else {
      result[name] = of_sorted(nanoseconds, q);
    }
  };
  put("p50_ms", 0.5);
  put("p90_ms", 0.9);
  put("p99_ms", 0.99);
  put("max_ms", 1.0);
  return result;
}

double quantile_ms(std::vector<std::int64_t> nanoseconds, double q) {
  if (nanoseconds.empty()) return 0;
  std::sort(nanoseconds.begin(), nanoseconds.end());
  return of_sorted(nanoseconds, q);
}

}  // namespace titan::bench
