// A product as the journals carry it, and what the rules hold of one.
#pragma once

#include <memory>

#include "proto/entry.pb.h"

namespace titan::retail {

using Product = titan::entry::v1::Product;
using ProductPointer = std::shared_ptr<const Product>;

}  // namespace titan::retail
