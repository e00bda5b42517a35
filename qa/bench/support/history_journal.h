// One journal of a history that is made up. Where only a till's own disk is read its entries need
// no signature, and signing a million would take longer than all that is measured; a peer takes
// only signed ones.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "mesh/journal/journal_writer.h"
#include "mesh/journal/stored_state.h"
#include "mesh/wire/product_list.h"
#include "mesh/wire/wire_codec.h"
#include "proto/entry.pb.h"

namespace titan::bench {

using EntryPointer = std::shared_ptr<const mesh::Entry>;

class HistoryJournal {
 public:
  struct Owner {
    PublicKey device_key;
    std::optional<KeyPair> key = {};  // of that one: signs
    std::string terminal;
    std::string tenant = "acme";
    std::string store = "london-1";
  };

  HistoryJournal(Owner owner, Random& random);

  DeviceId device() const { return device_of(owner_.device_key); }

  // The next entry. Kind, time, business date, effects and body are the caller's, and a sale's
  // idempotency key; everything else is set here.
  EntryPointer write(mesh::Envelope envelope);

  // A list of products: its parts and, last, the entry that puts it in force. Of `model` time and
  // business date are taken.
  std::vector<EntryPointer> write_list(const mesh::Envelope& model, const mesh::ListId& list,
                                       const entry::v1::Products& products);

 private:
  mesh::WireCodec codec_;
  const Owner owner_;
  const mesh::JournalOpening opening_;
  const mesh::OpeningHash opening_hash_;
  mesh::JournalTail tail_;
};

mesh::StoreRequest request_of(std::vector<EntryPointer> entries);

}  // namespace titan::bench
