// The Node's parts and what they tell each other: membership, anti-entropy, election.
#include <algorithm>
#include <utility>

#include "base/overloaded.h"
#include "mesh/node/node.h"

namespace titan::mesh {
namespace {

// Watermarks are signed many times a second under load; few of them are stored and passed on.
constexpr Duration watermark_interval = milliseconds(250);

// Falls: writes for members that come and go; rises: last_seen says less.
constexpr std::int64_t last_seen_kept_ms = 24LL * 3600 * 1000;

std::string describe(const election::Token& token) {
  return "term " + std::to_string(token.term) + " of " + token.process.hex();
}

}  // namespace

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

void Node::update_view(Now now) {
  view_stale_ = false;
  std::vector<election::Voter> view;
  for (const KnownMember& known : membership_.members()) {
    if (!known.is_current) continue;
    const MemberInfo& member = known.member;
    election::Voter& voter = view.emplace_back();
    voter.process = member.process;
    voter.device = member.device();
    voter.alive = known.state == MemberState::alive || known.state == MemberState::suspect;
    voter.suspect = known.state == MemberState::suspect;
    voter.left = known.state == MemberState::left && known.said_goodbye;
    voter.may_lead = member.may_lead;
    voter.priority = member.priority;
    voter.holds_all_pending = member.holds_all_pending;
    voter.reaches_cloud = member.reaches_cloud;
  }
  election::Voter own;
  own.process = process_;
  own.device = device_;
  own.alive = true;
  own.may_lead = self_.may_lead;
  own.priority = self_.priority;
  own.holds_all_pending = self_.holds_all_pending;
  own.reaches_cloud = self_.reaches_cloud;
  view.push_back(own);
  election_.on_view(now, std::move(view));
}

void Node::take_election() {
  election::Effects effects = election_.take_effects();
  for (const election::Send& sending : effects.sends) {
    const Message message = sending.message;
    if (links_.contains(sending.to)) {
      send(sending.to, message);
    } else if (sending.may_relay) {
      send_by_relay(sending.to, codec_.encode_message(message));
    }
  }
  for (const election::Promise& promise : effects.promises) {
    // One request carries one promise: an earlier one goes to the disk on its own.
    if (request_ && request_->promise) flush_store_request();
    store_request().promise = promise;
    store_request().is_urgent = true;
  }
  for (const election::Event& event : effects.events) {
    std::visit(Overloaded{
                   [&](const election::BecameLeader& e) { on_leader(e.token); },
                   [&](const election::TokenRaised& e) { on_leader(e.to); },
                   [&](const election::SteppedDown& e) {
                     emit(Note{"stepped down from " + describe(e.token)});
                     on_leader(std::nullopt);
                   },
                   [&](const election::LeaderChanged& e) {
                     on_leader(e.token.is_none() ? std::nullopt : std::optional(e.token));
                   },
                   [&](const election::PreVoteStarted& e) {
                     emit(Note{"asking " + std::to_string(e.electorate) +
                               " members whether a leader is heard (rank " +
                               std::to_string(e.rank) + ")"});
                   },
                   [&](const election::VoteStarted& e) {
                     emit(Note{"standing for leader in term " + std::to_string(e.term)});
                   },
                   [&](const election::Vetoed& e) {
                     emit(Note{e.by.hex() + " hears a leader: " + describe(e.leader)});
                   },
                   [&](const election::RoundFailed& e) {
                     emit(Note{"election round failed: " + std::to_string(e.granted) + " of " +
                               std::to_string(e.electorate) + " granted"});
                   },
                   [&](const election::HandOverStarted& e) {
                     emit(Note{"handing leadership over to " + e.to.hex()});
                   },
               },
               event);
  }
}

void Node::on_leader(std::optional<election::Token> leader) {
  if (leader == leader_) return;
  leader_ = leader;
  std::string terminal;
  if (leader) {
    if (const auto member = member_of(leader->process)) terminal = member->terminal;
  }
  emit(LeaderChanged{leader, std::move(terminal), is_leader()});
}

void Node::take_anti_entropy() {
  for (AntiEntropy::Effect& effect : anti_entropy_.take_effects()) {
    std::visit(
        Overloaded{
            [&](AntiEntropy::SendTo& sending) { send(sending.to, sending.message); },
            [&](AntiEntropy::Serve& serve) {
              EntryRequest& asked = serve.request;
              effects_.emplace_back(ReadRequest{.id = serve.read_id,
                                                .journal = asked.journal,
                                                .numbers = std::move(asked.numbers),
                                                .hashes = std::move(asked.hashes),
                                                .bytes_max = asked.bytes_max,
                                                .newest_first = asked.newest_first,
                                                .hash_list_only = serve.hash_list_only,
                                                .state_only = asked.state_only});
            },
            [&](AntiEntropy::Diverged& diverged) {
              const auto member = member_of(diverged.peer);
              emit(Alarm{"divergence", "this terminal and " +
                                           (member ? member->terminal : diverged.peer.hex()) +
                                           " hold the same entries but count different stock; "
                                           "each keeps its figure. Report this."});
            },
            [&](AntiEntropy::ForkSuspected& fork) {
              emit(Alarm{"journal_forked",
                         "journal " + fork.journal.hex() +
                             " exists in two versions: a machine was copied while it ran. Both "
                             "are kept and both count."});
            },
            [&](AntiEntropy::WatermarkLacking& lacking) {
              if (watermark_) send(lacking.peer, *watermark_);
            },
        },
        effect);
  }
}

void Node::pass_on_watermark(Now now) {
  if (!watermark_due_ || now.mono < watermark_next_ || !disk_.takes_writes()) return;
  watermark_due_ = false;
  watermark_next_ = now.mono + watermark_interval;
  store_request().watermark = watermark_;
  if (is_leader()) {
    const Bytes frame = codec_.encode_message(*watermark_);
    for (const auto& [process, member] : links_) effects_.emplace_back(Send{process, frame});
  }
  emit(WatermarkMoved{watermark_vector_->sequence, pending_uploads()});
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
