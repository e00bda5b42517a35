#include "pos-node/cli/journal_check.h"

#include "mesh/entry/verify.h"
#include "mesh/wire/wire_codec.h"

namespace titan::pos {

JournalCheck::JournalCheck(JournalId journal, const Hash& tenant_store,
                           std::map<DeviceId, PublicKey>& keys)
    : journal_(journal), tenant_store_(tenant_store), keys_(keys) {}

void JournalCheck::fault(std::uint64_t number, const std::string& what) {
  if (++fault_count_ <= faults_max) {
    verdict_.faults.push_back("entry " + std::to_string(number) + ": " + what);
  }
}

void JournalCheck::add(BytesView bytes, const std::string& stated_hash) {
  static const mesh::WireCodec codec;
  const std::uint64_t expected = previous_number_ + 1;
  const auto entry = codec.decode_entry(bytes);
  if (!entry) return fault(expected, "cannot be read: " + entry.error().message);
  const mesh::Envelope& envelope = entry->envelope;
  const std::uint64_t number = envelope.id.number;
  if (entry->hash.hex() != stated_hash) fault(number, "its hash is not the one stated");
  if (envelope.id.journal != journal_) return fault(number, "belongs to another journal");
  if (!device_) device_ = envelope.device;
  if (envelope.device != *device_) fault(number, "names another device than the entry before");

  if (number == 1) check_opening(*entry);
  check_name(envelope);
  check_chain(*entry);
  const auto key = keys_.find(envelope.device);
  if (key == keys_.end()) {
    verdict_.signatures_checked = false;
  } else if (!mesh::signature_verifies(*entry, key->second)) {
    fault(number, "its signature is not that of its device");
  }
  check_receipt(*entry);
  ++verdict_.entries;
  previous_number_ = number;
  previous_hash_ = entry->hash;
}

void JournalCheck::check_opening(const mesh::Entry& entry) {
  if (!entry.envelope.opening) return fault(1, "does not say who opened the journal");
  const mesh::JournalOpening& opening = *entry.envelope.opening;
  verdict_.terminal = opening.terminal;
  if (opening.tenant_store != tenant_store_) fault(1, "the journal belongs to another store");
  if (device_of(opening.device_public_key) != entry.envelope.device) {
    return fault(1, "its key is not that of the device it names");
  }
  keys_[entry.envelope.device] = opening.device_public_key;
}

void JournalCheck::check_name(const mesh::Envelope& envelope) {
  const auto key = keys_.find(envelope.device);
  if (key == keys_.end()) return;
  const JournalId name =
      mesh::journal_name(tenant_store_, envelope.device, key->second, envelope.opening_hash);
  if (name != journal_) {
    fault(envelope.id.number, "the journal's name is not that of a journal of its device here");
  }
}

void JournalCheck::check_chain(const mesh::Entry& entry) {
  const std::uint64_t number = entry.envelope.id.number;
  if (number <= previous_number_) {
    return fault(number, "comes after " + std::to_string(previous_number_) +
                             ": the journal was forked or continued by a copy");
  }
  verdict_.missing += number - previous_number_ - 1;
  const bool adjacent = number == previous_number_ + 1;
  if (adjacent && entry.envelope.previous_hash != previous_hash_) {
    fault(number, "does not follow from the entry before: its previous hash differs");
  }
}

void JournalCheck::check_receipt(const mesh::Entry& entry) {
  if (!entry.envelope.receipt) return;
  const mesh::Receipt& receipt = *entry.envelope.receipt;
  const std::uint64_t last = verdict_.last_receipt;
  if (verdict_.terminal.empty()) verdict_.terminal = receipt.terminal;
  if (last != 0 && receipt.number <= last) {
    fault(entry.envelope.id.number, "receipt " + std::to_string(receipt.number) + " after " +
                                        std::to_string(last) + ": used twice");
  } else if (last != 0 && receipt.number != last + 1 && verdict_.missing == 0) {
    fault(entry.envelope.id.number, "receipt " + std::to_string(receipt.number) + " after " +
                                        std::to_string(last) + ": numbers are missing between");
  }
  if (verdict_.receipts == 0) verdict_.first_receipt = receipt.number;
  verdict_.last_receipt = receipt.number;
  ++verdict_.receipts;
}

JournalVerdict JournalCheck::finish() {
  if (fault_count_ > faults_max) {
    verdict_.faults.push_back(std::to_string(fault_count_ - faults_max) + " more");
  }
  return std::move(verdict_);
}

}  // namespace titan::pos
