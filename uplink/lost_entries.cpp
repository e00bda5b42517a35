// Entries that the cloud holds and this disk has lost: noted, asked for, and waited for until the
// disk has them.
#include "uplink/upload_session.h"

namespace titan::uplink {

void UploadSession::forget_lacking() {
  lacking_.clear();
  fetched_ = 0;
  lacking_at_request_ = 0;
}

void UploadSession::on_storage_reopened(Now now, const crdt::VersionVector& stored) {
  if (phase_ == Phase::idle) return;
  const std::uint64_t lost = crdt::count(crdt::missing(stored, window_.stored()));
  if (lost == 0) return;
  effects_.push_back(
      UplinkNote{"this disk lost " + std::to_string(lost) +
                 " entries; connecting again to get back those that the cloud holds"});
  drop_connection(now, "the disk lost entries");
  window_.start(stored, watermark_.known().held.vector());
  connect(now);
}

// Adds what the cloud holds beyond `before` and is not asked for yet.
void UploadSession::note_lacking(Now now, const crdt::VersionVector& before) {
  std::uint64_t added = 0;
  crdt::VersionVector::each_difference(
      before, watermark_.known().held.vector(),
      [&](const DeviceId&, const JournalId& journal, const crdt::VectorItem* item) {
        // Nothing is held of it any more; or it is pushed unasked.
        if (item == nullptr || journal == feed_journal_) return;
        crdt::IntervalSet numbers = item->stored;
        if (const auto* ours = window_.stored().find(journal))
          numbers = numbers.minus(ours->stored);
        if (const auto* known = lacking_.find(journal)) numbers = numbers.minus(*known);
        added += numbers.count();
        lacking_.add(journal, numbers);
      });
  if (added == 0) return;
  // A request under way does not bring these: they are asked for after it.
  lacking_at_request_ += added;
  if (!fetching_) fetch_deadline_ = now.mono;
  effects_.push_back(UplinkNote{"this disk lacks " + std::to_string(added) +
                                " entries that the cloud holds; fetching them"});
}

// Lacking until it is stored; it has come, as an answer would, and is on its way to the disk.
// The time of an earlier one stands: pushes without a pause put nothing off.
void UploadSession::note_pushed(Now now, const std::vector<Bytes>& entries) {
  const bool is_first = lacking_.empty();
  for (const Bytes& bytes : entries) {
    const auto entry = codec_.decode_entry(bytes);
    if (!entry) continue;
    const mesh::EntryId& id = entry->envelope.id;
    const bool is_stored = window_.stored().contains(id.journal, id.number);
    if (is_stored || lacking_.contains(id.journal, id.number)) continue;
    lacking_.add(id.journal, id.number);
    ++lacking_at_request_;
    ++fetched_;
  }
  if (is_first && !fetching_ && !lacking_.empty())
    fetch_deadline_ = now.mono + config_.fetch_stored_timeout;
}

void UploadSession::fetch_lacking(Now now) {
  if (lacking_.empty()) return;
  if (fetching_) {
    if (now.mono < fetch_deadline_) return;
    drop_connection(now, "entries asked for did not come");
    back_off(now, "the cloud did not send the entries asked for within " +
                      seconds_text(config_.fetch_answer_timeout));
    return;
  }
  // What came with the last answer is on its way to the disk; asking now would fetch it again.
  const bool stored = lacking_.count() + fetched_ <= lacking_at_request_;
  if (!stored && now.mono < fetch_deadline_) return;
  EntriesWanted wanted;
  wanted.request = ++fetch_request_;
  wanted.bytes_max = config_.fetch_bytes_max;
  for (const auto& [journal, numbers] : lacking_) {
    if (wanted.wanted.size() >= config_.fetch_journals_max) break;
    wanted.wanted.push_back({journal, numbers});
  }
  fetching_ = true;
  fetched_ = 0;
  lacking_at_request_ = lacking_.count();
  fetch_deadline_ = now.mono + config_.fetch_answer_timeout;
  send(std::move(wanted));
}

// An entry is lacking until it is stored here, however often it came. Lost: what is still lacking
// is asked for again; an answer that ends nowhere costs the connection.
void UploadSession::on_lost_entries(Now now, const LostEntries& lost) {
  if (!fetching_ || lost.request != fetch_request_) return;
  fetched_ += lost.entries.size();
  if (!lost.entries.empty()) {
    effects_.push_back(CloudEntries{lost.entries, lost.device_keys});
    fetch_deadline_ = now.mono + config_.fetch_answer_timeout;
  }
  if (!lost.last) return;
  fetching_ = false;
  fetch_deadline_ = now.mono + config_.fetch_stored_timeout;
  if (fetched_ > 0) return;
  effects_.push_back(UplinkNote{"the cloud could not send " + std::to_string(lacking_.count()) +
                                " entries that it says it holds; other terminals may"});
  lacking_.clear();
}

}  // namespace titan::uplink
