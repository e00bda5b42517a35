// Stock as the fold of journals into PN-counters: per product units added (P) and removed (N),
// summed over all journals (Shapiro et al. 2011, section 3.1.3). Memory holds sums, not a cell per
// journal.
//
// Applying entries commutes. An entry that carries a claim counts only if its hash is the smallest
// of all entries seen with that claim; when a smaller one turns up, the larger one's effects are
// taken out again, so the outcome does not depend on the order of arrival. Units are millionths of
// the product's unit; sums are modulo 2^64, which keeps them commutative whatever a peer sends.
//
// A claim is kept from its first entry on (apply()), or only once it is contested: where nearly
// every entry has a claim of its own and hardly any a second entry, apply_unrivalled() keeps
// nothing, and whoever can look up the older entry says so with contest(). Both come to the same.
//
// Not thread-safe. Callers apply each (journal, number, hash) once.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace titan::crdt {

inline constexpr std::int64_t stock_units_per_piece = 1'000'000;

struct StockEffect {
  std::string product;
  std::uint64_t added = 0;
  std::uint64_t removed = 0;

  auto operator<=>(const StockEffect&) const = default;
};

struct StockSum {
  std::uint64_t added = 0;
  std::uint64_t removed = 0;

  auto operator<=>(const StockSum&) const = default;
  std::int64_t on_hand() const { return static_cast<std::int64_t>(added - removed); }
};

struct ClaimWinner {
  Hash entry_hash;
  std::vector<StockEffect> effects;

  bool operator==(const ClaimWinner&) const = default;
};

// What one product adds to the digest: 0 if P = N = 0, else
//   m(m(m(f(product)) xor P) + N)
// with f = 64-bit FNV-1a over the product's bytes and m = the finaliser of splitmix64, all modulo
// 2^64. Terminals compare digests across versions: the formula is part of the protocol for ever.
std::uint64_t product_digest(std::string_view product, const StockSum& sum);

// One product's stock before and after.
struct StockChange {
  std::string product;
  std::int64_t before = 0;
  std::int64_t after = 0;
};

class Stock {
 public:
  using Sums = std::map<std::string, StockSum, std::less<>>;
  using Claims = std::map<Hash, ClaimWinner>;

  Stock() = default;
  Stock(Sums sums, Claims claims);  // from a checkpoint

  // Returns the products whose sums changed, one row each, by product. `claim` is none for an entry
  // without one; of a claim the entry that already won may be applied again without effect.
  std::vector<StockChange> apply(const Hash& entry_hash, const Hash& claim,
                                 const std::vector<StockEffect>& effects);
  // The same for an entry that counts until a rival of its claim is shown by contest().
  std::vector<StockChange> apply_unrivalled(const Hash& entry_hash, const Hash& claim,
                                            const std::vector<StockEffect>& effects);
  // `later` was applied unrivalled, and `older`, applied before it, has the same claim. For several
  // older ones any of them will do. Told again it changes nothing.
  std::vector<StockChange> contest(const Hash& claim, const ClaimWinner& older,
                                   const ClaimWinner& later);
  // Whether the entry with this hash is the one of its claim that moves stock, as far as the claim
  // is kept.
  bool claim_won_by(const Hash& claim, const Hash& entry_hash) const;

  std::int64_t on_hand(std::string_view product) const;
  StockSum sum(std::string_view product) const;
  const Sums& sums() const { return sums_; }
  const Claims& claims() const { return claims_; }

  // Sum modulo 2^64 of product_digest() over all products. Equal sums give equal digests.
  std::uint64_t digest() const { return digest_; }

  void check_invariants() const;  // recomputes the digest

 private:
  StockChange move_sum(std::string_view product, std::uint64_t added, std::uint64_t removed);
  std::vector<StockChange> replace(const std::vector<StockEffect>& out,
                                   const std::vector<StockEffect>& in);

  Sums sums_;  // no row with P = N = 0
  Claims claims_;
  // Of contested claims: the entries that were held against the winner. Any other was counted when
  // nobody knew of its rival.
  std::map<Hash, std::set<Hash>> judged_;
  std::uint64_t digest_ = 0;
};

}  // namespace titan::crdt
