#include "qa/bench/support/outcome.h"

#include <boost/json/value_from.hpp>

#include "qa/bench/support/statistics.h"

namespace titan::bench {

void Outcome::add(const Latencies& round) {
  all.add(round);
  p50_of_rounds.push_back(quantile_ms(round.last, 0.5));
  const double seconds = static_cast<double>(round.last_seen_ns - round.first_start_ns) / 1e9;
  rates.push_back(seconds > 0 ? static_cast<double>(round.last.size()) / seconds : 0);
}

boost::json::object Outcome::to_json() const {
  boost::json::object result;
  result["each"] = summary(all.each);
  result["last"] = summary(all.last);
  result["missing"] = all.missing;
  result["last_p50_ms_by_round"] = boost::json::value_from(p50_of_rounds);
  result["per_second_by_round"] = boost::json::value_from(rates);
  if (!answers.empty()) result["answer"] = summary(answers);
  return result;
}

}  // namespace titan::bench
