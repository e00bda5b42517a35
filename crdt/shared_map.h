// An ordered map whose copies share what they have in common: a copy costs one pointer, and a
// change copies one chunk of neighbours. A store's vectors are nearly equal to one another, and
// each holds every journal there ever was.
//
// Value type. Not thread-safe, but copies may be used by different threads: what is shared is never
// written. A reference lives until the map is changed. Invariants: keys ascend; no chunk is empty
// or holds more than chunk_max.
#pragma once

#include <algorithm>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cassert>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace titan::crdt {

template <class Key, class Value>
class SharedMap {
 public:
  using value_type = std::pair<Key, Value>;
  class const_iterator;

  SharedMap() = default;
  SharedMap(const SharedMap&) = default;
  SharedMap& operator=(const SharedMap&) = default;
  SharedMap(SharedMap&& other) noexcept  // which is empty then
      : chunks_(std::move(other.chunks_)), size_(std::exchange(other.size_, 0)) {}
  SharedMap& operator=(SharedMap&& other) noexcept {
    chunks_ = std::move(other.chunks_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~SharedMap() = default;

  const_iterator begin() const { return {this, 0, 0}; }
  const_iterator end() const { return {this, chunk_count(), 0}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  const_iterator find(const Key& key) const {
    const Place place = place_of(key);
    return place.is_taken ? const_iterator{this, place.chunk, place.index} : end();
  }
  // The first behind `key`.
  const_iterator upper_bound(const Key& key) const {
    const Place place = place_of(key);
    if (chunk_count() == 0) return end();
    const std::size_t index = place.index + (place.is_taken ? 1 : 0);
    return index < chunk(place.chunk).size() ? const_iterator{this, place.chunk, index}
                                             : const_iterator{this, place.chunk + 1, 0};
  }
  const Value* get(const Key& key) const {
    const Place place = place_of(key);
    return place.is_taken ? &chunk(place.chunk)[place.index].second : nullptr;
  }
  const Value& at(const Key& key) const {
    const Value* found = get(key);
    assert(found != nullptr);
    return *found;
  }
  bool contains(const Key& key) const { return get(key) != nullptr; }

  // The value to change, made if there is none.
  Value& edit(const Key& key) {
    Place place = place_of(key);
    if (!place.is_taken) place = make_room(place, key);
    return own_chunk(place.chunk)[place.index].second;
  }

  void erase(const Key& key) {
    const Place place = place_of(key);
    if (!place.is_taken) return;
    Chunk& rows = own_chunk(place.chunk);
    rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(place.index));
    if (rows.empty()) {
      Chunks& chunks = own_chunks();
      chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(place.chunk));
    }
    --size_;
  }

  // Calls `take(key, value before, value now)`, ascending, a null pointer where there is none, for
  // each key that the two do not share: also for equal values that were written separately.
  template <class Take>
  static void each_unshared(const SharedMap& before, const SharedMap& now, Take&& take) {
    if (before.chunks_ == now.chunks_) return;
    auto old = before.begin();
    auto recent = now.begin();
    while (old != before.end() || recent != now.end()) {
      if (old == before.end()) {
        take(recent->first, nullptr, &recent->second), ++recent;
      } else if (recent == now.end()) {
        take(old->first, &old->second, nullptr), ++old;
      } else if (old.begins_chunk_of(recent)) {
        old.skip_chunk(), recent.skip_chunk();
      } else if (old->first < recent->first) {
        take(old->first, &old->second, nullptr), ++old;
      } else if (recent->first < old->first) {
        take(recent->first, nullptr, &recent->second), ++recent;
      } else {
        take(old->first, &old->second, &recent->second), ++old, ++recent;
      }
    }
  }

  bool operator==(const SharedMap& other) const {
    if (chunks_ == other.chunks_) return true;
    return size_ == other.size_ && std::equal(begin(), end(), other.begin());
  }

  void check_invariants() const {
    std::size_t rows = 0;
    const Key* before = nullptr;
    for (std::size_t at = 0; at < chunk_count(); ++at) {
      assert(!chunk(at).empty() && chunk(at).size() <= chunk_max);
      rows += chunk(at).size();
      for (const auto& [key, value] : chunk(at)) {
        assert(before == nullptr || *before < key);
        before = &key;
      }
    }
    assert(rows == size_);
  }

 private:
  // More make a change of a copy dearer, fewer make its list of chunks longer.
  static constexpr std::size_t chunk_max = 64;

  // The counter of boost::intrusive_ref_counter is read with acquire order: whoever sees that
  // nobody else has it also sees that others are done with reading it.
  template <class Rows>
  struct Counted : boost::intrusive_ref_counter<Counted<Rows>> {
    Rows rows;
  };
  template <class Rows>
  using Pointer = boost::intrusive_ptr<Counted<Rows>>;
  using Chunk = std::vector<value_type>;
  using Chunks = std::vector<Pointer<Chunk>>;

  struct Place {
    std::size_t chunk = 0;  // chunk_count() only where there is no chunk at all
    std::size_t index = 0;
    bool is_taken = false;  // else it would have to be put there
  };

  std::size_t chunk_count() const { return chunks_ ? chunks_->rows.size() : 0; }
  const Chunk& chunk(std::size_t at) const { return chunks_->rows[at]->rows; }

  Place place_of(const Key& key) const {
    if (chunk_count() == 0) return {};
    const Chunks& chunks = chunks_->rows;
    auto behind = std::upper_bound(
        chunks.begin(), chunks.end(), key,
        [](const Key& wanted, const auto& chunk) { return wanted < chunk->rows.front().first; });
    if (behind != chunks.begin()) --behind;
    const Chunk& rows = (*behind)->rows;
    const auto row = std::lower_bound(
        rows.begin(), rows.end(), key,
        [](const value_type& each, const Key& wanted) { return each.first < wanted; });
    return {static_cast<std::size_t>(behind - chunks.begin()),
            static_cast<std::size_t>(row - rows.begin()), row != rows.end() && row->first == key};
  }

  Place make_room(Place place, const Key& key) {
    if (chunk_count() == 0) {
      own_chunks().push_back(new Counted<Chunk>);
    } else if (chunk(place.chunk).size() == chunk_max) {
      split(place.chunk);
      place = place_of(key);
    }
    Chunk& rows = own_chunk(place.chunk);
    rows.emplace(rows.begin() + static_cast<std::ptrdiff_t>(place.index), key, Value{});
    ++size_;
    return place;
  }

  void split(std::size_t at) {
    Chunk& rows = own_chunk(at);
    const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
    Pointer<Chunk> behind(new Counted<Chunk>);
    behind->rows.assign(std::make_move_iterator(middle), std::make_move_iterator(rows.end()));
    rows.erase(middle, rows.end());
    Chunks& chunks = own_chunks();
    chunks.insert(chunks.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(behind));
  }

  template <class Rows>
  static Rows& own(Pointer<Rows>& pointer) {
    if (!pointer) {
      pointer.reset(new Counted<Rows>);
    } else if (pointer->use_count() > 1) {
      Pointer<Rows> copy(new Counted<Rows>);
      copy->rows = pointer->rows;
      pointer = std::move(copy);
    }
    return pointer->rows;
  }
  Chunks& own_chunks() { return own(chunks_); }
  Chunk& own_chunk(std::size_t at) { return own(own_chunks()[at]); }

  Pointer<Chunks> chunks_;
  std::size_t size_ = 0;
};

template <class Key, class Value>
class SharedMap<Key, Value>::const_iterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = SharedMap::value_type;
  using difference_type = std::ptrdiff_t;
  using pointer = const value_type*;
  using reference = const value_type&;

  const_iterator() = default;

  reference operator*() const { return map_->chunk(chunk_)[index_]; }
  pointer operator->() const { return &**this; }
  const_iterator& operator++() {
    if (++index_ == map_->chunk(chunk_).size()) {
      index_ = 0;
      ++chunk_;
    }
    return *this;
  }
  const_iterator operator++(int) {
    const const_iterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const const_iterator& other) const = default;

 private:
  friend class SharedMap;
  const_iterator(const SharedMap* map, std::size_t chunk, std::size_t index)
      : map_(map), chunk_(chunk), index_(index) {}

  // Both stand at the first row of a chunk that the two maps share.
  bool begins_chunk_of(const const_iterator& other) const {
    return index_ == 0 && other.index_ == 0 &&
           map_->chunks_->rows[chunk_] == other.map_->chunks_->rows[other.chunk_];
  }
  void skip_chunk() {
    index_ = 0;
    ++chunk_;
  }

  const SharedMap* map_ = nullptr;
  std::size_t chunk_ = 0;
  std::size_t index_ = 0;
};

}  // namespace titan::crdt
