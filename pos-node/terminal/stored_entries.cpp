#include "pos-node/terminal/stored_entries.h"

#include <memory>
#include <utility>

namespace titan::pos {

Result<EntryPointer> decode(const mesh::StoredEntry& stored, const mesh::Codec& codec) {
  auto decoded = codec.decode_entry(stored.bytes);
  if (!decoded) return decoded.error();
  return std::make_shared<const RecordedEntry>(std::move(*decoded));
}

Result<std::vector<EntryPointer>> decode_all(const std::vector<mesh::StoredEntry>& stored,
                                             const mesh::Codec& codec) {
  std::vector<EntryPointer> entries;
  entries.reserve(stored.size());
  for (const mesh::StoredEntry& each : stored) {
    auto entry = decode(each, codec);
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace titan::pos
