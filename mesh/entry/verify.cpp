#include "mesh/entry/verify.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <tuple>

namespace titan::mesh {
namespace {

using EntryPointer = std::shared_ptr<const Entry>;
using Run = std::span<const EntryPointer>;

bool sorts_before(const EntryPointer& a, const EntryPointer& b) {
  return std::tie(a->envelope.id, a->hash) < std::tie(b->envelope.id, b->hash);
}

bool follows(const Entry& next, const Entry& before) {
  return next.envelope.id.journal == before.envelope.id.journal &&
         next.envelope.id.number == before.envelope.id.number + 1 &&
         next.envelope.previous_hash == before.hash &&
         next.envelope.device == before.envelope.device &&
         next.envelope.opening_hash == before.envelope.opening_hash;
}

std::string place_text(const Entry& entry) {
  return "entry " + std::to_string(entry.envelope.id.number) + " of journal " +
         entry.envelope.id.journal.hex() + " by device " + entry.envelope.device.hex();
}

class Checker {
 public:
  // A key whose hash is the device's id is that device's key, whoever told it; so keys are known
  // before any signature has been checked.
  explicit Checker(const VerifyContext& context) : context_(context) {
    for (const PublicKey& key : context.offered_keys) told_keys_.emplace(device_of(key), key);
  }

  void collect_keys(Run entries) {
    for (const EntryPointer& entry : entries) {
      const auto& opening = entry->envelope.opening;
      if (!opening || device_of(opening->device_public_key) != entry->envelope.device) continue;
      told_keys_.emplace(entry->envelope.device, opening->device_public_key);
    }
  }

  // Whether the entry may be part of a run at all; notes the rejection if not.
  bool admits(const Entry& entry) {
    const Envelope& envelope = entry.envelope;
    if (entry.bytes.size() > entry_bytes_max) {
      reject(entry, RejectionCode::malformed, "it is larger than an entry may be");
      return false;
    }
    if (const Status checked = check_envelope(envelope); !checked) {
      reject(entry, RejectionCode::malformed, checked.error().message);
      return false;
    }
    if (envelope.opening && envelope.opening->tenant_store != context_.tenant_store) {
      reject(entry, RejectionCode::foreign_store,
             "its journal was opened in another store; check `tenant` and `store` in the "
             "configuration of the terminal that wrote it");
      return false;
    }
    return true;
  }

  void check_run(Run run) {
    const Entry& any = *run.front();
    const auto key = key_of(any.envelope.device);
    if (!key) {
      for (const auto& entry : run) {
        reject(*entry, RejectionCode::unknown_device,
               "the device's key is not known yet; number 1 of the journal carries it");
      }
      return;
    }
    const Envelope& place = any.envelope;
    if (place.id.journal !=
        journal_name(context_.tenant_store, place.device, *key, place.opening_hash)) {
      for (const auto& entry : run) {
        reject(*entry, RejectionCode::foreign_journal,
               "that is not the name of a journal of this device in this store; the device writes "
               "under another's name, or `tenant` and `store` in its configuration are others");
      }
      return;
    }
    std::size_t good = run.size();
    while (good > 0 && !signature_verifies(*run[good - 1], *key)) --good;
    for (const auto& entry : run.first(good)) accept(entry);
    for (const auto& entry : run.subspan(good)) {
      reject(*entry, RejectionCode::bad_signature,
             "its signature is not the device's; another terminal may hold a sound copy");
    }
  }

  CheckedEntries take() { return std::move(checked_); }

 private:
  std::optional<PublicKey> key_of(const DeviceId& device) const {
    if (context_.key_of) {
      if (const auto known = context_.key_of(device)) return known;
    }
    const auto found = told_keys_.find(device);
    if (found == told_keys_.end()) return std::nullopt;
    return found->second;
  }

  void accept(const EntryPointer& entry) {
    const Envelope& envelope = entry->envelope;
    const bool is_known = context_.key_of && context_.key_of(envelope.device);
    if (!is_known && learned_.emplace(envelope.device).second) {
      checked_.learned_keys.push_back(told_keys_.at(envelope.device));
    }
    checked_.accepted.push_back(entry);
  }

  void reject(const Entry& entry, RejectionCode code, const std::string& reason) {
    checked_.rejected.push_back({entry.envelope.id, entry.hash, entry.envelope.device, code,
                                 place_text(entry) + " was refused: " + reason});
  }

  const VerifyContext& context_;
  std::map<DeviceId, PublicKey> told_keys_;  // by openings, or offered
  std::set<DeviceId> learned_;
  CheckedEntries checked_;
};

}  // namespace

const char* to_string(RejectionCode code) {
  switch (code) {
    case RejectionCode::malformed:
      return "malformed";
    case RejectionCode::foreign_store:
      return "foreign_store";
    case RejectionCode::foreign_journal:
      return "foreign_journal";
    case RejectionCode::unknown_device:
      return "unknown_device";
    case RejectionCode::bad_signature:
      return "bad_signature";
  }
  return "unknown";
}

bool signature_verifies(const Entry& entry, const PublicKey& key) {
  return verify(key, signed_part(entry.envelope_bytes), entry.signature);
}

CheckedEntries check_entries(std::vector<std::shared_ptr<const Entry>> entries,
                             const VerifyContext& context) {
  std::sort(entries.begin(), entries.end(), sorts_before);
  const auto same = [](const EntryPointer& a, const EntryPointer& b) {
    return a->envelope.id == b->envelope.id && a->hash == b->hash;
  };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());

  Checker checker(context);
  checker.collect_keys(entries);
  std::vector<EntryPointer> run;
  for (const EntryPointer& entry : entries) {
    const bool continues = !run.empty() && follows(*entry, *run.back());
    if (!continues && !run.empty()) {
      checker.check_run(run);
      run.clear();
    }
    if (checker.admits(*entry)) run.push_back(entry);
  }
  if (!run.empty()) checker.check_run(run);
  return checker.take();
}

}  // namespace titan::mesh
