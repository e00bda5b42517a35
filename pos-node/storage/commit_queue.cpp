#include "pos-node/storage/commit_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace titan::pos {
namespace {

std::size_t bytes_of(const mesh::StoreRequest& request) {
  std::size_t bytes = 0;
  for (const auto& entry : request.entries) bytes += entry->bytes.size();
  return bytes;
}

bool replaces_rows(const mesh::StoreRequest& request) {
  return !request.members.empty() || request.watermark.has_value();
}

}  // namespace

void CommitQueue::push(mesh::StoreRequest request) {
  entries_ += request.entries.size();
  // Rows that are replaced overtake none that were to be replaced before, nor are overtaken.
  const bool goes_behind_urgent =
      replaces_rows(request) && std::any_of(urgent_.begin(), urgent_.end(), replaces_rows);
  if (!request.is_urgent && !goes_behind_urgent) return relaxed_.push_back(std::move(request));
  if (replaces_rows(request)) {
    urgent_.insert(urgent_.end(), std::make_move_iterator(relaxed_.begin()),
                   std::make_move_iterator(relaxed_.end()));
    relaxed_.clear();
  }
  urgent_.push_back(std::move(request));
}

std::vector<mesh::StoreRequest> CommitQueue::take() {
  std::vector<mesh::StoreRequest> taken;
  take_some(urgent_, taken);
  take_some(relaxed_, taken);
  for (const auto& request : taken) entries_ -= request.entries.size();
  return taken;
}

void CommitQueue::take_some(std::deque<mesh::StoreRequest>& from,
                            std::vector<mesh::StoreRequest>& taken) {
  std::size_t entries = 0;
  std::size_t bytes = 0;
  bool is_first = true;
  while (!from.empty()) {
    entries += std::max<std::size_t>(from.front().entries.size(), 1);
    bytes += bytes_of(from.front());
    const bool is_full = entries > commit_entries_max || bytes > commit_bytes_max;
    if (is_full && !is_first) return;
    is_first = false;
    taken.push_back(std::move(from.front()));
    from.pop_front();
  }
}

void CommitQueue::clear() {
  urgent_.clear();
  relaxed_.clear();
  entries_ = 0;
}

}  // namespace titan::pos
