// The Node's members and the links to them: what membership found out, and what is remembered of
// members from one life to the next.
#include <utility>

#include "base/overloaded.h"
#include "mesh/node/node.h"

namespace titan::mesh {
namespace {

// Falls: writes for members that come and go; rises: last_seen says less.
constexpr std::int64_t last_seen_kept_ms = 24LL * 3600 * 1000;

}  // namespace

// The peer has proven itself and can be sent frames, until on_link_down() takes back what was begun
// with it.
void Node::on_link_up(Now now, const MemberInfo& peer) {
  begin(now);
  links_[peer.process] = peer;
  if (index_.learn(peer.device_key)) view_stale_ = true;
  membership_.on_link_up(now, peer);
  anti_entropy_.on_peer_up(now, peer.process, peer.device());
  remember(now, peer);
  if (is_leader()) announce_watermark(peer.process);
  finish(now);
}

void Node::on_link_down(Now now, const ProcessId& peer, LinkEnd reason) {
  begin(now);
  if (links_.erase(peer) > 0) anti_entropy_.on_peer_down(now, peer);
  watermark_passed_over_.erase(peer);
  slices_served_.erase(peer);
  if (watermark_source_ && watermark_source_->peer == peer) {
    watermark_source_.reset();
    watermark_.give_up();
  }
  membership_.on_link_down(now, peer, reason);
  finish(now);
}

void Node::take_membership(Now now) {
  for (MembershipEffect& effect : membership_.take_effects()) {
    std::visit(
        Overloaded{
            [&](SendMessage& sending) { send(sending.to, sending.message); },
            [&](MemberStateChanged& change) { on_member_changed(now, change); },
            [&](DeviceTwice& twice) {
              emit(Alarm{"device_twice",
                         "the device key of " + twice.first.terminal +
                             " is in use by two running terminals (processes " +
                             twice.first.process.hex() + " and " + twice.second.process.hex() +
                             "): a disk was cloned. Every sale of both counts; set one of "
                             "them up with an empty data folder."});
            },
            [&](LinkWanted& wanted) { emit(std::move(wanted)); },
            [&](LeaderNewsHeard& heard) { election_.on_leader_news(now, heard.from, heard.news); },
        },
        effect);
  }
}

void Node::on_member_changed(Now now, MemberStateChanged& change) {
  view_stale_ = true;
  const MemberInfo& member = change.update.member;
  if (change.update.state == MemberState::alive) remember(now, member);
  if (change.connection_lost && leader_ && leader_->process == member.process) {
    election_.on_leader_gone_hint(now);
  }
  if (change.before != change.update.state) {
    emit(MemberChanged{std::move(change.update), change.before});
  }
}

// On disk, for the next life: where it was reached, and when it was here last.
void Node::remember(Now now, const MemberInfo& member) {
  RememberedMember& known = remembered_[member.device()];
  const bool same_facts =
      known.member.process == member.process && known.member.addresses == member.addresses;
  // The day is enough to tell a till that is away from one that was retired.
  const bool is_recent = now.wall.utc_ms - known.last_seen.utc_ms < last_seen_kept_ms;
  if (same_facts && is_recent) return;
  known.member = member;
  known.last_seen = now.wall;
  store_request().members.push_back(known);
}

void Node::on_last_good_address(Now now, const DeviceId& device, const std::string& address) {
  begin(now);
  const auto known = remembered_.find(device);
  if (known != remembered_.end() && known->second.last_good_address != address) {
    known->second.last_good_address = address;
    store_request().members.push_back(known->second);
  }
  finish(now);
}

// ---- queries -----------------------------------------------------------------------------------

std::optional<MemberInfo> Node::member_of(const ProcessId& process) const {
  if (process == process_) return self_;
  if (const auto link = links_.find(process); link != links_.end()) return link->second;
  for (const auto& member : membership_.members()) {
    if (member.member.process == process) return member.member;
  }
  return std::nullopt;
}

std::vector<MemberView> Node::members() const {
  std::vector<MemberView> views;
  views.push_back(
      {self_, leaving_ ? MemberState::left : MemberState::alive, true, false, {}, {}, {}});
  for (const KnownMember& known : membership_.members()) {
    views.push_back({known.member, known.state, false, links_.contains(known.member.process),
                     known.round_trip, known.clock_skew_ms, known.state_since});
  }
  return views;
}

}  // namespace titan::mesh
