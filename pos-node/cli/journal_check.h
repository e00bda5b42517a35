// Checks one journal entry by entry: hash, chain, signature, store, and receipts without gaps.
//
// Trusts nothing but the bytes: the device key comes from the journal's own first entry and must
// hash to the device that every entry names.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "mesh/entry/entry.h"

namespace titan::pos {

struct JournalVerdict {
  std::string terminal;
  std::uint64_t entries = 0;
  std::uint64_t missing = 0;  // numbers below the top that are not here (yet)
  std::uint64_t receipts = 0;
  std::uint64_t first_receipt = 0;
  std::uint64_t last_receipt = 0;
  bool signatures_checked = true;  // false: number 1, which carries the key, is not here
  std::vector<std::string> faults;

  bool is_good() const { return faults.empty(); }
};

inline constexpr std::size_t faults_max = 20;  // per journal; then only counted

class JournalCheck {
 public:
  // `keys`: of devices whose opening was seen in any journal; this check adds to it.
  JournalCheck(JournalId journal, const Hash& tenant_store, std::map<DeviceId, PublicKey>& keys);

  // Entries ascending by number.
  void add(BytesView bytes, const std::string& stated_hash);
  JournalVerdict finish();

 private:
  void check_opening(const mesh::Entry& entry);
  void check_name(const mesh::Envelope& envelope);
  void check_chain(const mesh::Entry& entry);
  void check_receipt(const mesh::Entry& entry);
  void fault(std::uint64_t number, const std::string& what);

  JournalId journal_;
  Hash tenant_store_;
  std::map<DeviceId, PublicKey>& keys_;
  JournalVerdict verdict_;
  std::uint64_t previous_number_ = 0;
  Hash previous_hash_;
  std::optional<DeviceId> device_;
  std::size_t fault_count_ = 0;
};

}  // namespace titan::pos
