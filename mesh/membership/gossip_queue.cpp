#include "mesh/membership/gossip_queue.h"

#include <algorithm>
#include <utility>

namespace titan::mesh {

void GossipQueue::put(const MemberUpdate& update) {
  queued_[update.member.process] = Queued{update, 0, next_order_++};
}

std::vector<MemberUpdate> GossipQueue::take(const ProcessId& receiver, std::size_t count,
                                            std::uint32_t transmissions) {
  std::vector<Queued*> candidates;
  for (auto& [process, queued] : queued_) {
    if (process == receiver && queued.update.state == MemberState::alive) continue;
    candidates.push_back(&queued);
  }
  std::sort(candidates.begin(), candidates.end(), [](const Queued* a, const Queued* b) {
    return a->sent != b->sent ? a->sent < b->sent : a->order > b->order;
  });
  if (candidates.size() > count) candidates.resize(count);

  std::vector<MemberUpdate> updates;
  std::vector<ProcessId> done;
  for (Queued* queued : candidates) {
    updates.push_back(queued->update);
    if (++queued->sent >= transmissions) done.push_back(queued->update.member.process);
  }
  for (const ProcessId& process : done) queued_.erase(process);
  return updates;
}

void Ring::insert(const ProcessId& process, Random& random) {
  if (contains(process)) return;
  const std::size_t place = random.below(order_.size() + 1);
  order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(place), process);
  if (place < next_) ++next_;
}

void Ring::remove(const ProcessId& process) {
  const auto found = std::find(order_.begin(), order_.end(), process);
  if (found == order_.end()) return;
  if (static_cast<std::size_t>(found - order_.begin()) < next_) --next_;
  order_.erase(found);
}

bool Ring::contains(const ProcessId& process) const {
  return std::find(order_.begin(), order_.end(), process) != order_.end();
}

std::optional<ProcessId> Ring::advance(Random& random, bool reshuffle) {
  if (order_.empty()) return std::nullopt;
  if (next_ >= order_.size()) {
    next_ = 0;
    if (reshuffle) {
      for (std::size_t i = order_.size(); i > 1; --i) {
        std::swap(order_[i - 1], order_[random.below(i)]);
      }
    }
  }
  return order_[next_++];
}

}  // namespace titan::mesh
