#include "crdt/stock.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace titan::crdt {
namespace {

// FNV-1a, 64 bits (Fowler, Noll, Vo).
std::uint64_t hash_name(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const unsigned char byte : name) hash = (hash ^ byte) * 0x100000001b3ULL;
  return hash;
}

// The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection.
std::uint64_t mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::uint64_t digest_from(std::uint64_t name_hash, const StockSum& sum) {
  if (sum == StockSum{}) return 0;
  return mix(mix(mix(name_hash) ^ sum.added) + sum.removed);
}

// What an entry changes of one product; taking out is adding modulo 2^64 as well.
struct Delta {
  std::string_view product;  // borrowed from effects that outlive it
  std::uint64_t added = 0;
  std::uint64_t removed = 0;
};
using Deltas = std::vector<Delta>;

void append(Deltas& deltas, const std::vector<StockEffect>& effects) {
  for (const auto& effect : effects) {
    deltas.push_back({effect.product, effect.added, effect.removed});
  }
}

void append_taken_out(Deltas& deltas, const std::vector<StockEffect>& effects) {
  for (const auto& effect : effects) {
    deltas.push_back({effect.product, 0 - effect.added, 0 - effect.removed});
  }
}

// One delta per product, by product: each product is looked up and hashed once per entry, however
// many lines name it.
void combine(Deltas& deltas) {
  if (deltas.size() < 2) return;
  std::sort(deltas.begin(), deltas.end(),
            [](const Delta& a, const Delta& b) { return a.product < b.product; });
  auto kept = deltas.begin();
  for (auto next = kept + 1; next != deltas.end(); ++next) {
    if (next->product == kept->product) {
      kept->added += next->added;
      kept->removed += next->removed;
    } else {
      *++kept = *next;
    }
  }
  deltas.erase(kept + 1, deltas.end());
}

}  // namespace

std::uint64_t product_digest(std::string_view product, const StockSum& sum) {
  return digest_from(hash_name(product), sum);
}

Stock::Stock(Sums sums, Claims claims) : sums_(std::move(sums)), claims_(std::move(claims)) {
  std::erase_if(sums_, [](const auto& row) { return row.second == StockSum{}; });
  for (const auto& [product, sum] : sums_) digest_ += product_digest(product, sum);
}

std::vector<StockChange> Stock::apply(const Hash& entry_hash, const Hash& claim,
                                      const std::vector<StockEffect>& effects) {
  if (claim.is_none()) return replace({}, effects);
  const auto [place, is_first] = claims_.try_emplace(claim, ClaimWinner{entry_hash, effects});
  if (is_first) return replace({}, effects);
  if (place->second.entry_hash <= entry_hash) return {};
  const ClaimWinner beaten = std::exchange(place->second, ClaimWinner{entry_hash, effects});
  return replace(beaten.effects, effects);
}

std::vector<StockChange> Stock::apply_unrivalled(const Hash& entry_hash, const Hash& claim,
                                                 const std::vector<StockEffect>& effects) {
  if (!claims_.contains(claim)) return replace({}, effects);
  judged_[claim].insert(entry_hash);
  return apply(entry_hash, claim, effects);
}

std::vector<StockChange> Stock::contest(const Hash& claim, const ClaimWinner& older,
                                        const ClaimWinner& later) {
  const auto [place, is_first] = claims_.try_emplace(claim, older);
  std::set<Hash>& judged = judged_[claim];
  if (is_first) judged.insert(older.entry_hash);
  if (!judged.insert(later.entry_hash).second) return {};
  ClaimWinner& winner = place->second;
  if (winner.entry_hash == later.entry_hash) return {};
  if (winner.entry_hash < later.entry_hash) return replace(later.effects, {});
  const ClaimWinner beaten = std::exchange(winner, later);
  return replace(beaten.effects, {});
}

std::vector<StockChange> Stock::replace(const std::vector<StockEffect>& out,
                                        const std::vector<StockEffect>& in) {
  Deltas deltas;
  deltas.reserve(out.size() + in.size());
  append_taken_out(deltas, out);
  append(deltas, in);
  combine(deltas);

  std::vector<StockChange> changes;
  changes.reserve(deltas.size());
  for (const Delta& delta : deltas) {
    if (delta.added == 0 && delta.removed == 0) continue;
    changes.push_back(move_sum(delta.product, delta.added, delta.removed));
  }
  return changes;
}

StockChange Stock::move_sum(std::string_view product, std::uint64_t added, std::uint64_t removed) {
  auto row = sums_.find(product);
  if (row == sums_.end()) row = sums_.emplace(product, StockSum{}).first;
  StockSum& sum = row->second;
  const std::uint64_t name_hash = hash_name(product);
  StockChange change{row->first, sum.on_hand(), 0};
  digest_ -= digest_from(name_hash, sum);
  sum.added += added;
  sum.removed += removed;
  digest_ += digest_from(name_hash, sum);
  change.after = sum.on_hand();
  // Whether a product was ever touched must not depend on the order in which claims arrived.
  if (sum == StockSum{}) sums_.erase(row);
  return change;
}

bool Stock::claim_won_by(const Hash& claim, const Hash& entry_hash) const {
  const auto found = claims_.find(claim);
  return found != claims_.end() && found->second.entry_hash == entry_hash;
}

std::int64_t Stock::on_hand(std::string_view product) const {
  return sum(product).on_hand();
}

StockSum Stock::sum(std::string_view product) const {
  const auto found = sums_.find(product);
  return found == sums_.end() ? StockSum{} : found->second;
}

void Stock::check_invariants() const {
  std::uint64_t digest = 0;
  for (const auto& [product, sum] : sums_) {
    assert(sum != StockSum{});
    digest += product_digest(product, sum);
  }
  assert(digest == digest_);
}

}  // namespace titan::crdt
