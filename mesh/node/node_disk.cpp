// The Node and its disk: what is handed over, what is reported of it, and what is believed when it
// is opened anew.
#include <utility>

#include "mesh/journal/idempotency.h"
#include "mesh/node/node.h"

namespace titan::mesh {

StoreRequest& Node::store_request() {
  if (!request_) request_.emplace();
  return *request_;
}

void Node::flush_store_request() {
  if (!request_ || !disk_.takes_writes()) return;
  StoreRequest request = std::move(*request_);
  request_.reset();
  request.id = next_request_++;
  storing_[request.id] = {request.entries, request.promise};
  effects_.emplace_back(std::move(request));
}

// Receipts, votes and vectors wait for this. An id that is not known any more was handed over
// before a failure: whether its entries are there is read from the disk.
void Node::on_stored(Now now, std::span<const std::uint64_t> request_ids,
                     const StoredRepeats& repeats) {
  begin(now);
  std::vector<std::shared_ptr<const Entry>> entries;
  std::vector<election::Promise> promises;
  for (const std::uint64_t id : request_ids) {
    auto stored = storing_.extract(id);
    if (stored.empty()) continue;
    Storing& what = stored.mapped();
    entries.insert(entries.end(), what.entries.begin(), what.entries.end());
    if (what.promise) promises.push_back(*what.promise);
  }
  settle(now, entries, repeats);
  for (const election::Promise& promise : promises) election_.on_promise_stored(now, promise);
  finish(now);
}

// ---- idempotency keys on the disk --------------------------------------------------------------

void Node::on_key_looked_up(Now now, std::uint64_t look_up_id,
                            const std::optional<IdempotencyRecord>& found) {
  begin(now);
  look_at_clock(now);
  const auto entry = own_.on_key_looked_up(look_up_id, found, disk_.takes_writes());
  if (entry) hand_to_disk(entry);
  finish(now);
}

void Node::on_key_look_up_failed(Now now, std::uint64_t look_up_id) {
  begin(now);
  own_.on_key_look_up_failed(look_up_id);
  finish(now);
}

void Node::on_keys_dropped(Now now, std::span<const std::uint64_t> hashes) {
  begin(now);
  own_.on_keys_dropped(hashes);
  finish(now);
}

// ---- a disk that fails -------------------------------------------------------------------------

void Node::on_store_failed(Now now, bool is_damaged) {
  begin(now);
  disk_.on_commit_failed(now.mono, is_damaged);
  drop_unstored();
  finish(now);
}

// It may be there after all: on_storage_opened() looks.
void Node::drop_unstored() {
  dropped_ = true;
  for (auto& [id, storing] : storing_) {
    doubtful_.insert(doubtful_.end(), storing.entries.begin(), storing.entries.end());
    remember_shown(storing.entries);
  }
  storing_.clear();
  if (request_) remember_shown(request_->entries);
  request_.reset();
  forget_stored_watermark();
  own_.on_store_failed();
}

void Node::on_damage_met(Now now) {
  begin(now);
  disk_.on_damage_met(now.mono);
  finish(now);
}

void Node::on_beside_open(Now now) {
  begin(now);
  disk_.on_beside_open();
  forget_stored_watermark();
  if (disk_.takes_writes() && std::exchange(dropped_, false)) {
    index_.drop_pending();
    shown_stock_ = stored_stock_;
    own_.go_on();
    anti_entropy_.on_storage_restarted();
    store_promise_again();
  }
  finish(now);
}

void Node::on_storage_not_opened(Now now, bool is_damaged) {
  begin(now);
  disk_.on_not_opened(now.mono, is_damaged);
  finish(now);
}

// What the disk really holds replaces all that was believed of it. Nothing is told to a screen
// twice, and nothing that is there after all stays untold.
void Node::on_storage_opened(Now now, StoredState state) {
  if (disk_.is_ok()) return;  // nobody asked for it: what it says may be older than what we hold
  begin(now);
  disk_.on_opened(now.mono);
  if (!disk_.is_ok()) return finish(now);
  const std::map<DeviceId, PublicKey> keys = index_.keys();
  index_ = EntryIndex(state.vector, state.devices);
  for (const auto& [device, key] : keys) index_.learn(key);
  keys_on_disk_.clear();
  for (const PublicKey& key : state.devices) keys_on_disk_.insert(titan::device_of(key));
  stored_stock_ = state.stock;
  const crdt::Stock shown_before = std::exchange(shown_stock_, state.stock);
  dropped_ = false;
  forget_stored_watermark();
  keep_unstored();
  own_.resume(state);
  anti_entropy_.on_storage_restarted();
  // Of those that failed, some may be there: the leader's duties have not heard of them yet.
  std::vector<std::shared_ptr<const Entry>> there;
  for (const auto& entry : std::exchange(doubtful_, {})) {
    const EntryId& id = entry->envelope.id;
    if (!index_.stored().contains(id.journal, id.number)) continue;
    there.push_back(entry);
    const bool was_shown = shown_unstored_.erase(entry->hash) > 0;
    if (entry->envelope.device != device_) continue;
    if (!was_shown) show_late(entry, shown_before);
    own_.observe(*entry, false);
    for (const DuplicateRecord& reused : state.reused_keys) {
      if (reused.extra_hash == entry->hash) tell_reused_key(entry->envelope);
    }
  }
  for (const DuplicateRecord& duplicate : state.duplicates) emit(DuplicateFound{duplicate});
  if (!there.empty()) emit(EntriesStored{std::move(there)});
  anti_entropy_.set_stock_digest(stored_stock_.digest());
  anti_entropy_.on_vector_moved(now);
  store_promise_again();
  emit(Note{"storage is open again: " + std::to_string(index_.stored().entry_count()) +
            " entries; this terminal goes on in a new journal"});
  finish(now);
}

// A promise under way may not have become durable: it is made so before it may count.
void Node::store_promise_again() {
  store_request().promise = election_.promise();
  store_request().is_urgent = true;
}

// What was handed to the file beside a damaged one and is not durable yet will be in the new file.
void Node::keep_unstored() {
  const auto keep = [this](const std::vector<std::shared_ptr<const Entry>>& entries) {
    for (const auto& entry : entries) {
      const Envelope& envelope = entry->envelope;
      index_.on_handed_to_disk(envelope.id.journal, envelope.id.number);
      keys_on_disk_.insert(envelope.device);
      if (!own_.is_waiting_for(*entry)) apply_to(shown_stock_, *entry);
    }
  };
  for (const auto& [id, storing] : storing_) keep(storing.entries);
  if (request_) keep(request_->entries);
}

}  // namespace titan::mesh
