// What counts once at a terminal: requests that were recorded twice, and what was voided or
// refunded of whichever of their entries.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <utility>

#include "mesh/journal/idempotency.h"
#include "pos-node/api/answers.h"
#include "pos-node/domain/returned_lines.h"
#include "pos-node/move_in/move_in_rules.h"
#include "pos-node/terminal/stored_entries.h"
#include "pos-node/terminal/terminal_service.h"

namespace titan::pos {

// A request recorded twice under one key, because the disk that held the first entry was lost for a
// while. The ledger counts one of them, except where an entry of a version before does not claim
// its request: then the extra one is voided, by claim, so that it counts once whoever else does the
// same.
void TerminalService::on_duplicate(const mesh::DuplicateRecord& duplicate) {
  const auto branches = reader_->find_entry(duplicate.extra);
  if (!branches) return void_later(duplicate);
  EntryPointer extra;
  for (const mesh::StoredEntry& branch : *branches) {
    if (branch.hash != duplicate.extra_hash) continue;
    if (auto decoded = decode(branch, mesh_.codec())) extra = std::move(*decoded);
  }
  if (!extra) return;
  const auto twins = twins_of(extra);
  if (!twins) return void_later(duplicate);
  if (twins->size() > 1) return tell_twins(*twins);
  const ClockReading now = clock();
  VoidRequest request;
  request.key.idempotency_key = "duplicate-" + duplicate.extra_hash.hex().substr(0, 32);
  request.key.request_hash = duplicate.extra_hash;
  request.sale = duplicate.extra;
  request.reason = "recorded twice under one idempotency key; counts as " +
                   duplicate.kept.journal.hex() + ":" + std::to_string(duplicate.kept.number);
  auto ruling = make_void(request, {facts_, now, *this}, *extra, {});
  if (!ruling) {
    raise_alarm("duplicate",
                "entry " + duplicate.extra.journal.hex() + ":" +
                    std::to_string(duplicate.extra.number) +
                    " was recorded twice and cannot be voided: " + ruling.error().message);
    return;
  }
  raise_alarm("duplicate",
              "a sale was recorded twice under one key after a rebuild of this "
              "terminal; " +
                  name_of(*extra) + " is voided");
  append(std::move(ruling->draft), [this, duplicate](const Result<mesh::Appended>& done) {
    if (done) return;
    spdlog::error("voiding a duplicate failed, trying again soon: {}", done.error().message);
    void_later(duplicate);
  });
}

// All entries of one request, or of one sale of the former system, this one among them; of the
// latter those too that a move-in brought which was undone: the customer bought once.
Result<std::vector<EntryPointer>> TerminalService::twins_of(const EntryPointer& entry) {
  std::vector<EntryPointer> twins;
  const auto take = [&](const Hash& claim) -> Result<bool> {
    const auto found = reader_->entries_with_claim(claim);
    if (!found) return found.error();
    auto entries = decode_all(*found, mesh_.codec());
    if (!entries) return entries.error();
    twins.insert(twins.end(), entries->begin(), entries->end());
    return !found->empty();
  };
  const mesh::Envelope& envelope = entry->envelope;
  const auto* former =
      envelope.kind == mesh::Kind::history ? entry->as<titan::entry::v1::History>() : nullptr;
  if (former) {
    // The generations before this one may not be here yet; behind it the first gap is the end.
    bool is_behind = false;
    for (std::uint32_t generation = 0; generation < move_in_generations_max; ++generation) {
      const Hash claim = history_claim(former->origin(), former->id(), generation);
      const auto any = take(claim);
      if (!any) return any.error();
      is_behind = is_behind || claim == envelope.claim;
      if (!*any && is_behind) break;
    }
  } else if (mesh::claims_its_request(envelope)) {
    const auto taken = take(envelope.claim);
    if (!taken) return taken.error();
  } else {
    twins.push_back(entry);
  }
  return twins;
}

void TerminalService::tell_twins(const std::vector<EntryPointer>& twins) {
  std::string counting;
  std::string others;
  for (const EntryPointer& twin : twins) {
    std::string& names = mesh::counts(stock(), *twin) ? counting : others;
    names += (names.empty() ? "" : ", ") + name_of(*twin);
  }
  raise_alarm("duplicate", "a request (" + kind_name(twins.front()->envelope.kind) +
                               ") was recorded twice under one idempotency key after a rebuild of "
                               "this terminal. It counts once: " +
                               counting + " counts, " + others + " does not");
}

// A disk that fails again and again tells of the same one each time it is reopened.
void TerminalService::void_later(const mesh::DuplicateRecord& duplicate) {
  const auto end = duplicates_due_.end();
  if (std::find(duplicates_due_.begin(), end, duplicate) == end) {
    duplicates_due_.push_back(duplicate);
  }
}

Result<std::optional<mesh::EntryId>> TerminalService::voided_by(const mesh::Entry& entry) {
  // By the entry's hash, where a version before voided it.
  for (const Hash& claim : {mesh::void_claim(entry), mesh::void_claim(entry.hash)}) {
    const auto claiming = reader_->entries_with_claim(claim);
    if (!claiming) return claiming.error();
    if (!claiming->empty()) return std::optional(claiming->front().id);
  }
  return std::optional<mesh::EntryId>{};
}

Result<std::vector<EntryPointer>> TerminalService::refunds_of(const mesh::EntryId& sale) {
  std::set<mesh::EntryId> sales{sale};
  if (const auto original = entry(sale); !original) {
    return original.error();
  } else if (*original) {
    const auto twins = twins_of(*original);
    if (!twins) return twins.error();
    for (const EntryPointer& twin : *twins) sales.insert(twin->envelope.id);
  }
  std::vector<EntryPointer> refunds;
  for (const mesh::EntryId& each : sales) {
    const auto found = reader_->entries_about(each, mesh::Kind::refund);
    if (!found) return found.error();
    for (const mesh::StoredEntry& stored : *found) {
      auto refund = decode(stored, mesh_.codec());
      if (!refund) return refund.error();
      if (!mesh::counts(stock(), **refund)) continue;
      const auto voided = voided_by(**refund);
      if (!voided) return voided.error();
      if (!*voided) refunds.push_back(std::move(*refund));
    }
  }
  return refunds;
}

}  // namespace titan::pos
