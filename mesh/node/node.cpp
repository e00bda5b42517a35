// The frame around every input: what it begins with, in which order effects come out, and time.
#include "mesh/node/node.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace titan::mesh {
namespace {

// The loop ticks at least this often, so that a longer silence of its own is a stall.
constexpr Duration tick_max = milliseconds(100);

MemberInfo self_info(const NodeConfig& config, const PublicKey& key, const ProcessId& process) {
  MemberInfo self;
  self.process = process;
  self.device_key = key;
  self.terminal = config.terminal;
  self.addresses = config.addresses;
  self.may_lead = config.may_lead;
  self.priority = config.priority;
  self.started = config.started;
  return self;
}

}  // namespace

Node::Node(NodeConfig config, KeyPair device_key, ProcessId process, StoredState state,
           const Codec& codec, Random random, Now now)
    : config_(std::move(config)),
      device_(titan::device_of(device_key.public_key)),
      process_(process),
      cloud_(config_.cloud_key.is_none() ? DeviceId{} : titan::device_of(config_.cloud_key)),
      codec_(codec),
      tenant_store_(tenant_store_hash(config_.tenant, config_.store)),
      random_(random),
      self_(self_info(config_, device_key.public_key, process)),
      index_(state.vector, state.devices),
      stored_stock_(state.stock),
      shown_stock_(state.stock),
      own_(codec, device_key, process, {config_.terminal, tenant_store_, {}, 1}, state, random_),
      dates_(state.dates),
      watermark_(codec, config_.tenant, config_.store, config_.cloud_key),
      membership_(config_.membership, self_, Random(random_.next()), now),
      anti_entropy_(config_.anti_entropy, index_, Random(random_.next())),
      election_(config_.election, process, device_, config_.may_lead, config_.priority,
                state.promise, 0, Random(random_.next()), now) {
  index_.learn(device_key.public_key);
  index_.learn(config_.cloud_key);
  anti_entropy_.set_first_device(cloud_);
  for (const PublicKey& key : state.devices) keys_on_disk_.insert(titan::device_of(key));
  for (const RememberedMember& member : state.members) {
    if (member.member.device() != device_) remembered_[member.member.device()] = member;
  }
  membership_.set_news_source(
      [this](Now at, const ProcessId& to) { return election_.news(at, to); });
  membership_.remember(now, state.members);
  anti_entropy_.set_stock_digest(stored_stock_.digest());
  begin(now);
  restore_watermark(state.watermark);
  // The process before may have ended between finding them and storing their void.
  for (const DuplicateRecord& duplicate : state.duplicates) emit(DuplicateFound{duplicate});
  finish(now);
}

// ---- the frame around every input --------------------------------------------------------------

// Before anything else of an input: what was not heard during a stall of our own is held against
// nobody.
void Node::begin(Now now) {
  if (last_input_) {
    const Duration silence = now.mono - *last_input_;
    if (silence > config_.election.lease) {
      emit(Note{"this terminal stood still for " + std::to_string(silence / milliseconds(1)) +
                " ms; judging nobody for it"});
      membership_.on_stalled(now, silence);
      election_.on_stalled(now, silence);
    }
  }
  last_input_ = now.mono;
}

// The parts first, since each may need the disk, then one request with all of it: what one input
// gives becomes durable together. Nothing that goes out here claims what that request is to store.
void Node::finish(Now now) {
  take_membership(now);
  if (view_stale_) update_view(now);
  take_election();
  // Frames that the election sent may have brought membership news with them.
  take_membership(now);
  take_anti_entropy();
  if (leaving_ && election_.has_left() && !membership_.has_left()) {
    membership_.leave(now);
    take_membership(now);
  }
  send_haves(now);
  pass_on_watermark(now);
  for (AppendReply& reply : own_.take_replies()) effects_.emplace_back(std::move(reply));
  for (KeyLookUp& look_up : own_.take_look_ups()) effects_.emplace_back(std::move(look_up));
  flush_store_request();
  if (const auto job = disk_.take_job()) effects_.emplace_back(*job);
}

// ---- time, and our own facts -------------------------------------------------------------------

void Node::on_tick(Now now) {
  begin(now);
  disk_.on_tick(now.mono);
  membership_.on_tick(now);
  election_.on_tick(now);
  anti_entropy_.on_tick(now);
  look_at_clock(now);
  const bool holds_all = anti_entropy_.requests_in_flight() == 0;
  if (holds_all != self_.holds_all_pending) {
    self_.holds_all_pending = holds_all;
    membership_.set_self(now, self_);
  }
  finish(now);
}

void Node::on_addresses(Now now, std::vector<std::string> addresses) {
  begin(now);
  self_.addresses = std::move(addresses);
  membership_.set_self(now, self_);
  finish(now);
}

// The election first, so that a leader can hand over while its members still hear it.
void Node::leave(Now now) {
  begin(now);
  leaving_ = true;
  election_.leave(now);
  finish(now);
}

MonoTime Node::next_deadline() const {
  MonoTime deadline = std::min({membership_.next_deadline(), anti_entropy_.next_deadline(),
                                election_.next_deadline(), disk_.next_deadline(), haves_at_});
  // It waits for the disk, not for a tick, while the disk is failing.
  if (watermark_due_ && disk_.takes_writes()) deadline = std::min(deadline, watermark_next_);
  return last_input_ ? std::min(deadline, *last_input_ + tick_max) : deadline;
}

// ---- queries -----------------------------------------------------------------------------------

MemberInfo Node::self() const {
  return self_;
}

std::vector<PublicKey> Node::device_keys() const {
  std::vector<PublicKey> keys;
  for (const auto& [device, key] : index_.keys()) keys.push_back(key);
  return keys;
}

void Node::check_invariants() const {
  index_.check_invariants();
  own_.check_invariants();
  stored_stock_.check_invariants();
  shown_stock_.check_invariants();
  membership_.check_invariants();
  anti_entropy_.check_invariants();
  election_.check_invariants();
  disk_.check_invariants();
  assert(!watermark_due_ || watermark_.known().is_known());
  assert(haves_due_.empty() == (haves_at_ == MonoTime::never()));
  assert(storing_.empty() || storing_.rbegin()->first < next_request_);
  assert(!request_ || !disk_.takes_writes());
  assert((!dropped_ && doubtful_.empty()) || !disk_.is_ok());
  if (storing_.empty() && !index_.any_pending()) {
    assert(stored_stock_.digest() == shown_stock_.digest());
  }
}

}  // namespace titan::mesh
