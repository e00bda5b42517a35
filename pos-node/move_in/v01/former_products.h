// The products of a v0.1 file, and the stock that each of them opens with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pos-node/move_in/move_in_rules.h"
#include "pos-node/move_in/v01/faults.h"
#include "pos-node/move_in/v01/former_file.h"

namespace titan::pos::v01 {

struct FormerProducts {
  std::vector<std::string> rows;  // JSON, each a product of PUT /v1/products
  std::vector<OpeningStock> stock;
  std::vector<std::string> notes;  // where the deltas say another stock than the products
  std::uint64_t left_out = 0;
};

// The store's figure of an article is the sum of its inventory_deltas where the file has any, for
// these are of all terminals; products.stock knows the sales of its own only.
FormerProducts read_products(FormerFile& file, const StoreFacts& facts, Faults& faults);

}  // namespace titan::pos::v01
