// What we tell others of members: riding on probes and acks, pushed while it is news, and now and
// then the whole table (SWIM 4.1; Lifeguard IV-C).
#include <algorithm>
#include <utility>

#include "mesh/membership/membership.h"

namespace titan::mesh {

// News is pushed at the next tick, which is wanted at once unless there was a push just before.
void Membership::spread(const MemberUpdate& update) {
  gossip_.put(update);
}

// What is said of the receiver itself comes first, whatever else there is: it must be able to
// refute.
std::vector<MemberUpdate> Membership::updates_for(const ProcessId& receiver) {
  std::vector<MemberUpdate> updates;
  const Member* member = member_of(receiver);
  if (member && member->claim) {
    updates.push_back(MemberUpdate{member->info, member->claim->state, member->claim->incarnation});
  }
  std::vector<MemberUpdate> queued =
      gossip_.take(receiver, config_.updates_per_message_max - updates.size(),
                   gossip_transmissions(config_.gossip_factor, view_size()));
  for (MemberUpdate& update : queued) {
    if (update.member.process != receiver || updates.empty()) updates.push_back(std::move(update));
  }
  return updates;
}

election::LeaderNews Membership::news_for(Now now, const ProcessId& receiver) const {
  return news_source_ ? news_source_(now, receiver) : election::LeaderNews{};
}

void Membership::send_ack(Now now, const ProcessId& to, std::uint64_t sequence,
                          const ProcessId& about) {
  Ack ack;
  ack.sequence = sequence;
  // Whoever looks for one that leaves hears it from itself.
  ack.updates = left_ ? std::vector{MemberUpdate{announced_, MemberState::left, incarnation_}}
                      : updates_for(to);
  ack.leader = news_for(now, to);
  ack.about = about;
  ack.sent = now.wall;
  effects_.push_back(SendMessage{to, std::move(ack)});
}

// An Ack that answers nothing: news without a reply to it.
void Membership::send_updates(Now now, const ProcessId& to, std::vector<MemberUpdate> updates) {
  Ack carrier;
  carrier.updates = std::move(updates);
  carrier.sent = now.wall;
  effects_.push_back(SendMessage{to, std::move(carrier)});
}

// Repairs all gossip that was lost. Those of whom nobody told us, known from hello or disk only,
// tell of themselves.
void Membership::send_table(Now now, const ProcessId& to) {
  std::vector<MemberUpdate> updates{MemberUpdate{announced_, MemberState::alive, incarnation_}};
  for (const auto& [process, member] : members_) {
    if (member.replaced || member.incarnation == 0 || process == to) continue;
    if (updates.size() >= config_.updates_per_message_max) {
      send_updates(now, to, std::exchange(updates, {}));
    }
    updates.push_back(update_of(member));
  }
  send_updates(now, to, std::move(updates));
}

// Nothing is acknowledged: an update goes out so often that a loss here and there does not matter
// (gossip_transmissions()), and what is lost all the same comes with a whole table.
void Membership::tick_gossip(Now now) {
  if (now.mono < next_gossip_at_ || gossip_.empty()) return;
  next_gossip_at_ = now.mono + config_.gossip_interval;
  const std::size_t receivers = std::min<std::size_t>(config_.gossip_fanout, gossip_ring_.size());
  for (std::size_t i = 0; i < receivers; ++i) {
    const ProcessId receiver = *gossip_ring_.advance(random_, false);
    std::vector<MemberUpdate> updates = updates_for(receiver);
    if (!updates.empty()) send_updates(now, receiver, std::move(updates));
  }
}

}  // namespace titan::mesh
