#include "simulations/history/entry_book.h"

#include <algorithm>
#include <cstring>

namespace titan::simulations {

bool EntrySet::insert(EntryNumber number) {
  if (number >= bits_.size()) bits_.resize(number + 1);
  if (bits_[number]) return false;
  bits_[number] = true;
  ++size_;
  return true;
}

void EntrySet::erase(EntryNumber number) {
  if (!contains(number)) return;
  bits_[number] = false;
  --size_;
}

void EntrySet::add(const EntrySet& other) {
  for (EntryNumber number = 0; number < other.end(); ++number) {
    if (other.contains(number)) insert(number);
  }
}

void EntrySet::clear() {
  bits_.clear();
  size_ = 0;
}

bool EntrySet::operator==(const EntrySet& other) const {
  if (size_ != other.size_) return false;
  const EntryNumber last = std::max(end(), other.end());
  for (EntryNumber number = 0; number < last; ++number) {
    if (contains(number) != other.contains(number)) return false;
  }
  return true;
}

std::size_t EntryBook::ByBytes::operator()(const Hash& hash) const {
  std::size_t value = 0;
  std::memcpy(&value, hash.bytes.data(), sizeof value);
  return value;
}

EntryNumber EntryBook::number_of(const std::shared_ptr<const EntryFacts>& entry) {
  const auto [found, is_new] =
      numbers_.emplace(entry->hash, static_cast<EntryNumber>(entries_.size()));
  if (is_new) entries_.push_back(entry);
  return found->second;
}

std::optional<EntryNumber> EntryBook::find(const Hash& hash) const {
  const auto found = numbers_.find(hash);
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

EntrySet EntryBook::set_of(const std::vector<std::pair<mesh::EntryId, Hash>>& held) const {
  EntrySet set;
  for (const auto& [id, hash] : held) {
    if (const auto number = find(hash)) set.insert(*number);
  }
  return set;
}

std::string EntryBook::text(EntryNumber number) const {
  return text_of(facts(number).id);
}

std::string text_of(const mesh::EntryId& id) {
  return id.journal.hex().substr(0, 8) + "/" + std::to_string(id.number);
}

}  // namespace titan::simulations
