// How tables write intervals, content sums and stock effects in a blob. Numbers are 64 bits,
// little-endian. What cannot be read ends the list: such tables are caches, or carry a root to be
// held against.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "crdt/interval_set.h"
#include "crdt/stock.h"
#include "crdt/version_vector.h"

namespace titan::mesh {

Bytes bytes_of(const crdt::IntervalSet& set);
Bytes bytes_of(const crdt::ContentSum& content);
Bytes bytes_of(const std::vector<crdt::StockEffect>& effects);

crdt::IntervalSet intervals_of(BytesView bytes);
crdt::ContentSum content_of(BytesView bytes);
std::vector<crdt::StockEffect> effects_of(BytesView bytes);

}  // namespace titan::mesh
