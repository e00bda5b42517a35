// The Node's entries, its own and those that come from elsewhere: to the disk, and what they add up
// to.
#include <algorithm>
#include <set>
#include <utility>

#include "mesh/entry/verify.h"
#include "mesh/journal/idempotency.h"
#include "mesh/node/node.h"

namespace titan::mesh {
namespace {

// Authors learn soon, not at once, that their entries are stored here: one message for many.
constexpr Duration have_delay = milliseconds(50);

// Remembered of a disk that fails for long; beyond it a sale may be told twice.
constexpr std::size_t shown_unstored_max = 100'000;

std::string source_text(const ProcessId& from) {
  return from.is_none() ? "the cloud or the store database" : from.hex();
}

}  // namespace

// ---- our own -----------------------------------------------------------------------------------

// The host knows who waits for the ticket, OwnJournal which entry the ticket waits for: the core
// calls nobody back.
std::uint64_t Node::append(Now now, const EntryDraft& draft) {
  begin(now);
  const std::uint64_t ticket = next_ticket_++;
  if (!disk_.takes_writes()) {
    own_.refuse(ticket);
    finish(now);
    return ticket;
  }
  look_at_clock(now);
  const auto other = corrected(now, draft);
  if (const auto entry = own_.append(ticket, other ? *other : draft)) hand_to_disk(entry);
  finish(now);
  return ticket;
}

void Node::hand_to_disk(const std::shared_ptr<const Entry>& own_entry) {
  index_.on_handed_to_disk(own_entry->envelope.id.journal, own_entry->envelope.id.number);
  keep_key(device_);
  store_request().entries.push_back(own_entry);
  store_request().is_urgent = true;
}

// ---- from peers, the cloud and store databases -------------------------------------------------

void Node::on_cloud_entries(Now now, const std::vector<Bytes>& entries,
                            const std::vector<PublicKey>& device_keys) {
  begin(now);
  for (const PublicKey& key : device_keys) index_.learn(key);
  receive_entries(ProcessId{}, entries);
  finish(now);
}

// Whoever sends them, they are checked first. What is not taken in is missing still, so the next
// comparison of vectors asks for it again: a lost frame costs no more than that.
void Node::receive_entries(const ProcessId& from, const std::vector<Bytes>& raw) {
  if (!disk_.takes_writes()) return;
  std::vector<std::shared_ptr<const Entry>> wanted;
  std::set<Hash> held;  // another branch of them is: they only show that there are two
  for (const Bytes& bytes : raw) {
    auto entry = codec_.decode_entry(bytes);
    if (!entry) {
      emit(Alarm{"bad_entry",
                 "unreadable entry from " + source_text(from) + ": " + entry.error().message});
      continue;
    }
    if (!is_wanted(*entry)) {
      if (!own_.is_from_copy(*entry)) continue;
      held.insert(entry->hash);
    }
    wanted.push_back(std::make_shared<const Entry>(std::move(*entry)));
  }
  if (wanted.empty()) return;
  const VerifyContext context{tenant_store_,
                              [this](const DeviceId& id) { return index_.key_of(id); }};
  const CheckedEntries checked = check_entries(std::move(wanted), context);
  for (const PublicKey& key : checked.learned_keys) index_.learn(key);
  for (const Rejection& rejection : checked.rejected) {
    anti_entropy_.on_unusable(from, rejection.id.journal);
    // A key that is not known yet comes with the next comparison of vectors.
    if (rejection.code == RejectionCode::unknown_device) continue;
    emit(Alarm{to_string(rejection.code),
               "entry " + rejection.id.journal.hex() + ":" + std::to_string(rejection.id.number) +
                   " from " + source_text(from) + " was refused: " + rejection.reason});
  }
  for (const auto& entry : checked.accepted) {
    if (own_.is_from_copy(*entry)) leave_journal_to_copy(*entry);
    if (!held.contains(entry->hash)) accept(entry);
  }
}

bool Node::is_wanted(const Entry& entry) {
  const EntryId& id = entry.envelope.id;
  return anti_entropy_.take_wanted_branch(entry.hash) || !index_.has(id.journal, id.number);
}

// Its signature holds, so the device's key made it, and not in this process.
void Node::leave_journal_to_copy(const Entry& entry) {
  emit(Alarm{"journal_copied",
             "another process writes this terminal's journal " + entry.envelope.id.journal.hex() +
                 ": this machine was copied while it ran. Both go on in journals of their own; "
                 "every sale of both counts. Switch one of the two off and set it up anew."});
  own_.leave_journal();
  // The copy's generator stands where ours does: only what each is shown differs.
  std::uint64_t shown = 0;
  for (const char byte : entry.hash.view().substr(0, 8)) {
    shown = shown << 8 | static_cast<unsigned char>(byte);
  }
  random_ = Random(random_.next() ^ shown);
}

// It counts on screens from here on, in vector and digest only when it is durable.
void Node::accept(const std::shared_ptr<const Entry>& entry) {
  const Envelope& envelope = entry->envelope;
  index_.on_handed_to_disk(envelope.id.journal, envelope.id.number);
  own_.observe_logical_clock(envelope.logical_clock);
  keep_key(envelope.device);
  store_request().entries.push_back(entry);
  show(entry, false);
}

// A device's key goes to the disk with its first entry.
void Node::keep_key(const DeviceId& device) {
  const auto key = index_.key_of(device);
  if (key && keys_on_disk_.insert(device).second) store_request().devices.push_back(*key);
}

// ---- made durable ------------------------------------------------------------------------------

// They are durable: now they count, are mailed, and are answered for, in this order. So vector and
// stock digest always speak of the same entries.
//
// Twins are settled in the input that tells of them, so that vector and digest never speak of a
// stock with both. Screens may have been shown the later one as counting for the time of a commit.
void Node::settle(Now now, const std::vector<std::shared_ptr<const Entry>>& stored,
                  const StoredRepeats& repeats) {
  if (stored.empty()) return;
  const std::vector<StoredTwin>& twins = repeats.twins;
  const bool is_beside = !disk_.is_ok();
  std::vector<std::shared_ptr<const Entry>> own;
  for (const auto& entry : stored) {
    const Envelope& envelope = entry->envelope;
    index_.on_stored(envelope.device, envelope.id.journal, envelope.id.number, entry->hash);
    apply_to(stored_stock_, *entry);
    observe_date(dates_, envelope);
    if (own_.is_waiting_for(*entry)) {
      own.push_back(entry);
      continue;
    }
    if (envelope.device == device_) own_.observe(*entry, is_beside);
    haves_due_[envelope.device].insert(envelope.id.journal);
    haves_at_ = std::min(haves_at_, now.mono + have_delay);
  }
  for (const StoredTwin& twin : twins) stored_stock_.contest(twin.claim, twin.older, twin.later);
  anti_entropy_.set_stock_digest(stored_stock_.digest());
  anti_entropy_.on_vector_moved(now);
  mail(own);
  for (const auto& [duplicate, later] : repeats.duplicates) {
    const auto entry = std::find_if(stored.begin(), stored.end(),
                                    [&](const auto& each) { return each->hash == later; });
    if (entry != stored.end()) tell_duplicate(duplicate, (*entry)->envelope);
  }
  for (const auto& entry : own) {
    own_.on_stored(*entry, is_beside);
    show(entry, true);
  }
  for (const StoredTwin& twin : twins) {
    auto changes = shown_stock_.contest(twin.claim, twin.older, twin.later);
    const auto later = std::find_if(stored.begin(), stored.end(), [&](const auto& entry) {
      return entry->hash == twin.later.entry_hash;
    });
    if (!changes.empty() && later != stored.end()) {
      emit(StockChanged{std::move(changes), (*later)->envelope.id});
    }
  }
  emit(EntriesStored{stored});
}

void Node::tell_duplicate(const DuplicateRecord& duplicate, const Envelope& envelope) {
  if (!duplicate.is_same_request) return tell_reused_key(envelope);
  const bool is_voided = stored_stock_.claims().contains(void_claim(duplicate.extra_hash));
  if (claims_its_request(envelope) || !is_voided) emit(DuplicateFound{duplicate});
}

void Node::tell_reused_key(const Envelope& envelope) {
  emit(Alarm{"key_reused", "the idempotency key \"" + envelope.idempotency_key +
                               "\" was used for two different records of this terminal, which "
                               "was rebuilt in between; both count, look at both"});
}

// ---- told to screens ---------------------------------------------------------------------------

// The sale first, then what it did to the stock: that is an absolute figure, and may be told again.
void Node::show(const std::shared_ptr<const Entry>& entry, bool own) {
  const Envelope& envelope = entry->envelope;
  auto changes = apply_to(shown_stock_, *entry);
  if (shown_unstored_.erase(entry->hash) == 0) {
    emit(EntrySeen{entry, own, counts(shown_stock_, *entry)});
  }
  if (!changes.empty()) emit(StockChanged{std::move(changes), envelope.id});
}

// An own entry whose commit failed and that is on the disk all the same: the stock counts it.
void Node::show_late(const std::shared_ptr<const Entry>& entry, const crdt::Stock& shown_before) {
  const Envelope& envelope = entry->envelope;
  emit(EntrySeen{entry, true, counts(shown_stock_, *entry)});
  std::vector<crdt::StockChange> changes;
  for (const crdt::StockEffect& effect : envelope.stock_effects) {
    const std::int64_t before = shown_before.on_hand(effect.product);
    const std::int64_t after = shown_stock_.on_hand(effect.product);
    if (before != after) changes.push_back({effect.product, before, after});
  }
  if (!changes.empty()) emit(StockChanged{std::move(changes), envelope.id});
}

// Own entries are shown when they are stored, those of others before.
void Node::remember_shown(const std::vector<std::shared_ptr<const Entry>>& entries) {
  for (const auto& entry : entries) {
    if (own_.is_waiting_for(*entry)) continue;
    if (shown_unstored_.size() >= shown_unstored_max) return;
    shown_unstored_.insert(entry->hash);
  }
}

}  // namespace titan::mesh
