#include "mesh/wire/product_list.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <zlib.h>

#include "proto/entry.pb.h"

namespace titan::mesh {
namespace {

namespace wire = titan::entry::v1;

constexpr const char* compression = "zlib";
constexpr std::uint32_t products_tag = 1 << 3 | 2;  // field 1, length-delimited

Error damaged(const std::string& what) {
  return make_error(ErrorCode::corrupt, "the product list cannot be read: " + what);
}

Bytef* bytes_of(char* data) {
  return reinterpret_cast<Bytef*>(data);
}
const Bytef* bytes_of(const char* data) {
  return reinterpret_cast<const Bytef*>(data);
}

}  // namespace

Result<ListUnit> make_list_unit(const ListId& list, BytesView products, std::uint32_t count) {
  if (products.size() > list_bytes_max || count > list_products_max) {
    return make_error(ErrorCode::too_large,
                      "The list has " + std::to_string(count) + " products of " +
                          std::to_string(products.size() / 1024 / 1024) + " MB in all; at most " +
                          std::to_string(list_products_max) + " and " +
                          std::to_string(list_bytes_max / 1024 / 1024) +
                          " MB are taken at once. Divide the list.");
  }
  uLongf size = compressBound(products.size());
  Bytes packed(size, '\0');
  if (compress2(bytes_of(packed.data()), &size, bytes_of(products.data()), products.size(),
                Z_DEFAULT_COMPRESSION) != Z_OK) {
    return make_error(ErrorCode::io, "The list could not be compressed: memory is short.");
  }
  packed.resize(size);
  ListUnit unit;
  for (std::size_t at = 0; at < packed.size(); at += list_part_bytes_max) {
    wire::ProductListPart part;
    part.set_list(std::string(list.view()));
    part.set_index(static_cast<std::uint32_t>(unit.parts.size()));
    part.set_data(packed.substr(at, list_part_bytes_max));
    unit.parts.push_back(part.SerializeAsString());
  }
  wire::ProductList head;
  head.set_list(std::string(list.view()));
  head.set_parts(static_cast<std::uint32_t>(unit.parts.size()));
  head.set_hash(std::string(blake2b(products).view()));
  head.set_compression(compression);
  head.set_bytes(products.size());
  head.set_products(count);
  unit.head = head.SerializeAsString();
  return unit;
}

std::optional<ListPart> parse_list_part(const Bytes& body) {
  wire::ProductListPart part;
  if (!part.ParseFromString(body)) return std::nullopt;
  const auto list = ListId::from_bytes(part.list());
  const bool fits = part.index() < list_parts_max && part.data().size() <= list_part_bytes_max &&
                    !part.data().empty();
  if (!list || !fits) return std::nullopt;
  // The data is one run of the body; a view of it spares a copy of the whole list.
  const std::size_t at = body.rfind(part.data());
  if (at == Bytes::npos) return std::nullopt;
  return ListPart{*list, part.index(), BytesView(body).substr(at, part.data().size())};
}

std::optional<ListHead> parse_list_head(const Bytes& body) {
  wire::ProductList head;
  if (!head.ParseFromString(body)) return std::nullopt;
  const auto list = ListId::from_bytes(head.list());
  const auto hash = Hash::from_bytes(head.hash());
  const bool fits = head.parts() > 0 && head.parts() <= list_parts_max && head.bytes() > 0 &&
                    head.bytes() <= list_bytes_max && head.products() <= list_products_max &&
                    head.compression() == compression;
  if (!list || !hash || !fits) return std::nullopt;
  return ListHead{*list, head.parts(), *hash, head.bytes(), head.products()};
}

Result<Bytes> join_list(const ListHead& head, std::span<const Bytes> data) {
  if (data.size() != head.parts) return damaged("it has another number of parts than it says");
  Bytes whole(head.bytes, '\0');
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return damaged("memory is short");
  stream.next_out = bytes_of(whole.data());
  stream.avail_out = static_cast<uInt>(whole.size());
  int outcome = Z_OK;
  for (const Bytes& part : data) {
    if (outcome != Z_OK) break;
    stream.next_in = const_cast<Bytef*>(bytes_of(part.data()));  // zlib only reads it
    stream.avail_in = static_cast<uInt>(part.size());
    while (outcome == Z_OK && stream.avail_in > 0) outcome = inflate(&stream, Z_NO_FLUSH);
  }
  const bool is_whole = outcome == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
  inflateEnd(&stream);
  if (!is_whole) return damaged("its parts do not unpack to the length that it says");
  if (blake2b(whole) != head.hash) return damaged("its hash does not fit");
  return whole;
}

Result<std::vector<BytesView>> split_products(BytesView products) {
  std::vector<BytesView> found;
  google::protobuf::io::CodedInputStream stream(
      reinterpret_cast<const std::uint8_t*>(products.data()), static_cast<int>(products.size()));
  while (stream.CurrentPosition() < static_cast<int>(products.size())) {
    std::uint32_t size = 0;
    const std::uint32_t tag = stream.ReadTag();
    if (tag != products_tag) {  // of a later version
      if (tag != 0 && google::protobuf::internal::WireFormatLite::SkipField(&stream, tag)) continue;
      return damaged("it is cut short");
    }
    if (!stream.ReadVarint32(&size) ||
        size > products.size() - static_cast<std::size_t>(stream.CurrentPosition()) ||
        found.size() == list_products_max) {
      return damaged("a product is cut short, or there are too many");
    }
    found.push_back(products.substr(static_cast<std::size_t>(stream.CurrentPosition()), size));
    if (!stream.Skip(static_cast<int>(size))) return damaged("a product is cut short");
  }
  return found;
}

}  // namespace titan::mesh
