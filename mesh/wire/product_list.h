// A product list as one signed unit: the bodies of PRODUCT_LIST_PART and PRODUCT_LIST entries.
//
// The serialised titan.entry.v1.Products is compressed and cut into parts, entries of one journal;
// the PRODUCT_LIST behind them names the hash of the whole. Only that entry puts the list in force,
// all of it at once: without it, or while a part is missing, nothing of the list counts anywhere.
//
// Pure functions, thread-safe. Bodies come from peers: sizes are bounded before anything is
// unpacked.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/ids.h"
#include "base/result.h"

namespace titan::mesh {

using ListId = FixedBytes<struct ListIdTag, 16>;

// With its envelope within one upload batch and one answer of anti-entropy.
inline constexpr std::size_t list_part_bytes_max = 240 * 1024;
// Before compression; a list says how long it is, and no more is unpacked.
inline constexpr std::size_t list_bytes_max = 64 * 1024 * 1024;
inline constexpr std::size_t list_parts_max = list_bytes_max / list_part_bytes_max + 1;
inline constexpr std::size_t list_products_max = 200'000;

struct ListPart {
  ListId list;
  std::uint32_t index = 0;
  BytesView data;  // into the body
};

struct ListHead {
  ListId list;
  std::uint32_t parts = 0;
  Hash hash;  // BLAKE2b-256 before compression
  std::uint64_t bytes = 0;
  std::uint32_t products = 0;
};

struct ListUnit {
  std::vector<Bytes> parts;  // bodies of PRODUCT_LIST_PART, in order
  Bytes head;                // body of PRODUCT_LIST
};

// `products`: a serialised titan.entry.v1.Products. too_large: divide the list.
Result<ListUnit> make_list_unit(const ListId& list, BytesView products, std::uint32_t count);

// Nothing where the body is no such thing or beyond a limit: it is never put in force.
std::optional<ListPart> parse_list_part(const Bytes& body);
std::optional<ListHead> parse_list_head(const Bytes& body);
// The data of all parts in order, unpacked and checked against the head.
Result<Bytes> join_list(const ListHead& head, std::span<const Bytes> data);
// The serialised products in a serialised Products, as views into it.
Result<std::vector<BytesView>> split_products(BytesView products);

}  // namespace titan::mesh
