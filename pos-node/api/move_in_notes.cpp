#include "pos-node/api/move_in_notes.h"

namespace titan::pos {

namespace v1 = titan::entry::v1;

Result<MoveInNote> MoveInNote::parse(const Bytes& bytes) {
  v1::Products pairs;
  if (!pairs.ParseFromString(bytes) || pairs.products_size() % 2 != 0) {
    return make_error(ErrorCode::corrupt,
                      "The note of this move-in cannot be read, so nobody knows what the products "
                      "were before; set them by a list.");
  }
  MoveInNote note;
  for (int i = 0; i < pairs.products_size(); i += 2) {
    NotedProduct& noted = note.products_[pairs.products(i).sku()];
    noted.made = pairs.products(i);
    noted.former = pairs.products(i + 1);
  }
  return note;
}

void MoveInNote::add(const Product& made, const Product* former) {
  const auto [noted, is_new] = products_.try_emplace(made.sku());
  noted->second.made = made;
  if (is_new && former) noted->second.former = *former;
}

Bytes MoveInNote::serialised() const {
  Bytes bytes;
  for (const auto& [sku, noted] : products_) {
    v1::Products pair;
    *pair.add_products() = noted.made;
    *pair.add_products() = noted.former;
    pair.AppendToString(&bytes);
  }
  return bytes;
}

}  // namespace titan::pos
