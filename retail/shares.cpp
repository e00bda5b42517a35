#include "retail/shares.h"

#include <algorithm>
#include <numeric>

namespace titan::retail {
namespace {

SignedWide floor_divide(SignedWide value, SignedWide divisor) {
  const SignedWide quotient = value / divisor;
  return value % divisor < 0 ? quotient - 1 : quotient;
}

}  // namespace

std::vector<std::int64_t> apportion(std::int64_t target, std::span<const SignedWide> numerators,
                                    SignedWide denominator) {
  std::vector<std::int64_t> parts;
  std::vector<SignedWide> rests;
  SignedWide missing = target;
  for (const SignedWide numerator : numerators) {
    const SignedWide part = floor_divide(numerator, denominator);
    parts.push_back(static_cast<std::int64_t>(part));
    rests.push_back(numerator - part * denominator);
    missing -= part;
  }
  std::vector<std::size_t> order(parts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rests[a] > rests[b]; });
  for (const std::size_t index : order) {
    if (missing <= 0) break;
    ++parts[index];
    --missing;
  }
  return parts;
}

std::vector<std::int64_t> share_out(std::int64_t amount, std::span<const std::int64_t> weights) {
  SignedWide sum = 0;
  for (const std::int64_t weight : weights) sum += weight;
  std::vector<SignedWide> numerators;
  const SignedWide magnitude = amount < 0 ? -static_cast<SignedWide>(amount) : amount;
  for (const std::int64_t weight : weights)
    numerators.push_back(magnitude * (sum == 0 ? 1 : weight));
  const SignedWide denominator = sum == 0 ? static_cast<SignedWide>(weights.size()) : sum;
  auto parts = apportion(static_cast<std::int64_t>(magnitude), numerators, denominator);
  if (amount < 0) {
    for (std::int64_t& part : parts) part = -part;
  }
  return parts;
}

std::vector<std::int64_t> bearing_weights(std::span<const std::int64_t> line_amounts) {
  const bool any_bought = std::any_of(line_amounts.begin(), line_amounts.end(),
                                      [](std::int64_t amount) { return amount > 0; });
  std::vector<std::int64_t> weights;
  for (const std::int64_t amount : line_amounts) {
    weights.push_back(any_bought   ? std::max<std::int64_t>(amount, 0)
                      : amount < 0 ? -amount
                                   : amount);
  }
  return weights;
}

}  // namespace titan::retail
