// Entries and who holds them, for checkers: each entry (by its hash) gets a small number, and a set
// of entries is a row of bits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "simulations/history/observation.h"

namespace titan::simulations {

using EntryNumber = std::uint32_t;

class EntrySet {
 public:
  bool contains(EntryNumber number) const { return number < bits_.size() && bits_[number]; }
  bool insert(EntryNumber number);  // whether it is new
  void erase(EntryNumber number);
  void add(const EntrySet& other);
  void clear();
  std::uint64_t size() const { return size_; }
  EntryNumber end() const { return static_cast<EntryNumber>(bits_.size()); }

  bool operator==(const EntrySet& other) const;

 private:
  std::vector<bool> bits_;
  std::uint64_t size_ = 0;
};

class EntryBook {
 public:
  EntryNumber number_of(const std::shared_ptr<const EntryFacts>& entry);
  std::optional<EntryNumber> find(const Hash& hash) const;
  const EntryFacts& facts(EntryNumber number) const { return *entries_[number]; }
  EntryNumber size() const { return static_cast<EntryNumber>(entries_.size()); }
  // What of a disk's content is known. Entries that never appeared have no facts and are left out.
  EntrySet set_of(const std::vector<std::pair<mesh::EntryId, Hash>>& held) const;
  // "3f2a11c0/17"
  std::string text(EntryNumber number) const;

 private:
  struct ByBytes {
    std::size_t operator()(const Hash& hash) const;
  };
  std::vector<std::shared_ptr<const EntryFacts>> entries_;
  std::unordered_map<Hash, EntryNumber, ByBytes> numbers_;
};

// "3f2a11c0/17"
std::string text_of(const mesh::EntryId& id);

}  // namespace titan::simulations
