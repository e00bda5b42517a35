#include "mesh/fold/fold_state.h"

#include "mesh/watermark/telling.h"

namespace titan::mesh {

FoldContent what_changed(const FoldState& before, const FoldState& now) {
  FoldContent content;
  content.journals = difference(before.covered, now.covered);
  for (const auto& [product, sum] : before.sums) {
    if (!now.sums.contains(product)) content.sums[product] = {};
  }
  for (const auto& [product, sum] : now.sums) {
    const auto old = before.sums.find(product);
    if (old == before.sums.end() || old->second != sum) content.sums[product] = sum;
  }
  for (const auto& [claim, winner] : now.claims) {
    const auto old = before.claims.find(claim);
    if (old == before.claims.end() || old->second != winner) content.claims[claim] = winner;
  }
  return content;
}

}  // namespace titan::mesh
