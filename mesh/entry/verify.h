// Checking entries that came from elsewhere: a peer, the cloud, a disk that was set aside.
//
// A contiguous run of one journal whose hashes chain is checked by its last signature alone, since
// that signature covers, through the chain, every byte before it. A run that ends in a bad
// signature is cut back to the last entry whose signature verifies; what lies behind is refused
// now and may come again in a longer run. So a run check accepts all that checks of the single
// entries accept, at one signature per run (an Ed25519 check costs some hundred times a hash).
//
// Whose journal an entry stands in, and of which store, its journal's name shows (journal_name()),
// so an entry says all that is needed but the device's key, in whatever order entries come.
//
// Certificates, expiry and revocation play no part: they decide about connections, and two
// terminals must not differ in what they accept.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "mesh/entry/entry.h"

namespace titan::mesh {

enum class RejectionCode : std::uint8_t {
  malformed,        // beyond a limit, without its opening ...: see check_envelope()
  foreign_store,    // its journal was opened in another store
  foreign_journal,  // its journal does not bear the name that this device's would here
  unknown_device,   // no key: ask for number 1 of the journal, which carries it
  bad_signature,
};

// "malformed", "foreign_store" ...
const char* to_string(RejectionCode code);

struct Rejection {
  EntryId id;
  Hash hash;
  DeviceId device;
  RejectionCode code = RejectionCode::malformed;
  std::string reason;  // for a person
};

struct CheckedEntries {
  // By (journal, number, hash), each once.
  std::vector<std::shared_ptr<const Entry>> accepted;
  std::vector<PublicKey> learned_keys;  // of devices not known before whose entries were accepted
  std::vector<Rejection> rejected;
};

struct VerifyContext {
  Hash tenant_store;  // ours
  std::function<std::optional<PublicKey>(const DeviceId&)> key_of;
  // Came along with the entries, for journals whose opening is lost.
  std::vector<PublicKey> offered_keys = {};
};

// Any order, repeats allowed. The entries come from Codec::decode_entry, so their hash is that of
// their bytes.
CheckedEntries check_entries(std::vector<std::shared_ptr<const Entry>> entries,
                             const VerifyContext& context);

// One signature, nothing else.
[[nodiscard]] bool signature_verifies(const Entry& entry, const PublicKey& key);

}  // namespace titan::mesh
