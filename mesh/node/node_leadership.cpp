// The Node's election: the view it decides on, what it wants sent and promised, and who leads.
#include <utility>

#include "base/overloaded.h"
#include "mesh/node/node.h"

namespace titan::mesh {
namespace {

std::string describe(const election::Token& token) {
  return "term " + std::to_string(token.term) + " of " + token.process.hex();
}

}  // namespace

// Whole, and told again whenever a member changed. Only who said goodbye itself has left: of whom
// others say so may live, and have a vote.
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

// ---- what the cloud says of a lease ------------------------------------------------------------

void Node::on_cloud_state(Now now, election::CloudState state) {
  begin(now);
  election_.on_cloud(now, state);
  if (self_.reaches_cloud != state.reachable) {
    self_.reaches_cloud = state.reachable;
    membership_.set_self(now, self_);
  }
  finish(now);
}

void Node::on_lease_refused(Now now, const election::Token& holder, bool holder_gone) {
  begin(now);
  election_.on_lease_refused(now, holder, holder_gone);
  finish(now);
}

}  // namespace titan::mesh
