// What peers ask of us, read from the own disk.
#include <algorithm>
#include <utility>

#include "mesh/replication/anti_entropy.h"

namespace titan::mesh {

// Every request gets a last frame, an empty one if need be: who asks waits for it. Lost, or its
// answer: the peer's deadline gives the numbers to another.
void AntiEntropy::on_entry_request(const ProcessId& from, const EntryRequest& message) {
  const auto peer = peers_.find(from);
  if (peer == peers_.end()) return;
  if (peer->second.serving >= config_.serves_per_peer_max) {
    send(from, Entries{message.request, {}, true});
    return;
  }
  ++peer->second.serving;
  const std::uint64_t read_id = next_id_++;
  served_[read_id] = {from, message.request, message.journal, false};
  EntryRequest bounded = message;
  bounded.bytes_max = std::clamp<std::uint64_t>(message.bytes_max, 1, config_.request_bytes_max);
  effects_.push_back(Serve{read_id, std::move(bounded), false});
}

void AntiEntropy::on_read(std::uint64_t read_id, std::vector<Bytes> entries,
                          std::vector<std::pair<std::uint64_t, Hash>> hash_list) {
  const auto found = served_.find(read_id);
  if (found == served_.end()) return;
  const Served served = found->second;
  served_.erase(found);
  const auto peer = peers_.find(served.peer);
  if (peer == peers_.end()) return;
  --peer->second.serving;
  if (served.hash_list_only) return send_hash_list(served, std::move(hash_list));
  Entries frame{served.request, {}, false};
  std::size_t frame_bytes = 0;
  for (Bytes& entry : entries) {
    if (frame_bytes > 0 && frame_bytes + entry.size() > entries_frame_bytes) {
      send(served.peer, std::exchange(frame, Entries{served.request, {}, false}));
      frame_bytes = 0;
    }
    frame_bytes += entry.size();
    frame.entries.push_back(std::move(entry));
  }
  frame.last = true;
  send(served.peer, std::move(frame));
}

void AntiEntropy::on_read_failed(std::uint64_t read_id) {
  const auto found = served_.find(read_id);
  if (found == served_.end()) return;
  // Who asked for entries gets them from another peer, and the sooner the better.
  if (!found->second.hash_list_only) return on_read(read_id, {}, {});
  if (const auto peer = peers_.find(found->second.peer); peer != peers_.end()) {
    --peer->second.serving;
  }
  served_.erase(found);
}

}  // namespace titan::mesh
