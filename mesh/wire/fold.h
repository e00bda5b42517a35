// The cloud's fold of a store, as bodies of entries of its feed: a FOLD, and before it the parts of
// its content (product_list.h).
//
// Pure functions, thread-safe. Sizes are bounded before anything is unpacked.
#pragma once

#include <cstdint>
#include <optional>

#include "base/crypto.h"
#include "mesh/fold/fold_state.h"
#include "mesh/wire/product_list.h"

namespace titan::mesh {

inline constexpr std::uint32_t fold_form = 1;

struct Fold {
  std::uint64_t number = 0;
  std::uint64_t base = 0;  // the content tells what is others than in this fold; 0: everything
  Hash base_hash;          // of the content of `base`
  ListHead content;
  std::uint64_t entries = 0;       // numbers covered
  std::uint64_t stock_digest = 0;  // of all sums
};

// `fold.content` is made here. The same content is the same list, whoever makes it when.
Result<ListUnit> make_fold_unit(Fold fold, const FoldContent& content);

// Nothing: no fold, beyond a limit, or of a later form.
std::optional<Fold> parse_fold(const Bytes& body);
Result<FoldContent> parse_fold_content(BytesView content);

}  // namespace titan::mesh
