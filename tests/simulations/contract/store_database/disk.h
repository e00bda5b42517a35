// A terminal's own disk for the contract tests: what its leader may read back, and what of it was
// asked for. May be used by several threads: the real store database reads on its own.
#pragma once

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "crdt/version_vector.h"
#include "tests/uplink/till.h"

namespace titan::test {

class Disk {
 public:
  void keep(const EntryPointer& entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(entry);
    add(vector_, *entry);
  }
  // It is in the vector still, and cannot be read any more.
  void lose(const EntryPointer& entry) {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const auto& kept) { return kept->hash == entry->hash; });
  }
  crdt::VersionVector vector() const {
    const std::lock_guard lock(mutex_);
    return vector_;
  }
  std::vector<EntryPointer> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  void set_readable(bool readable) {
    const std::lock_guard lock(mutex_);
    is_readable_ = readable;
  }
  // Somebody asked it in vain.
  bool has_failed() const {
    const std::lock_guard lock(mutex_);
    return has_failed_;
  }
  // By number, as the product's store answers; nothing: it cannot be read now.
  std::optional<std::vector<Bytes>> read(const JournalId& journal, const crdt::IntervalSet& numbers,
                                         std::size_t bytes_max) {
    const std::lock_guard lock(mutex_);
    if (!is_readable_) {
      has_failed_ = true;
      return std::nullopt;
    }
    std::vector<EntryPointer> found;
    for (const auto& entry : entries_) {
      const mesh::EntryId& id = entry->envelope.id;
      if (id.journal == journal && numbers.contains(id.number)) found.push_back(entry);
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
      return std::pair(a->envelope.id.number, a->hash) < std::pair(b->envelope.id.number, b->hash);
    });
    std::vector<Bytes> answer;
    std::size_t bytes = 0;
    for (const auto& entry : found) {
      if (!answer.empty() && bytes + entry->bytes.size() > bytes_max) break;
      bytes += entry->bytes.size();
      answer.push_back(entry->bytes);
      read_.push_back(entry->hash);
    }
    return answer;
  }
  // What was read since this was asked last, sorted.
  std::vector<Hash> take_read() {
    const std::lock_guard lock(mutex_);
    std::sort(read_.begin(), read_.end());
    return std::exchange(read_, {});
  }

 private:
  mutable std::mutex mutex_;
  std::vector<EntryPointer> entries_;
  crdt::VersionVector vector_;
  std::vector<Hash> read_;
  bool is_readable_ = true;
  bool has_failed_ = false;
};

}  // namespace titan::test
