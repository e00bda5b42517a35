// What a store database lacks of the entries on this terminal's disk, journal by journal, and in
// which pieces it is read. Pure bookkeeping; used by one thread.
//
// Numbers say what is lacking, except where a number is forked: then the database may hold one
// branch and lack another. Content sums show that. A journal whose numbers are all there is
// compared at once; one that lacks more is compared when the rest has been read, once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "crdt/version_vector.h"
#include "mesh/entry/entry.h"

namespace titan::uplink {

class Filling {
 public:
  using Numbers = crdt::JournalNumbers;
  using Known = crdt::VersionVector::Journals;
  struct Piece {
    JournalId journal;
    crdt::IntervalSet numbers;
  };

  // `known`: what this disk holds; `projected`: what the database does.
  void begin(const Known& known, const crdt::VersionVector& projected);
  // These are to be read as well.
  void add(const Numbers& numbers);
  bool empty() const { return lacking_.empty(); }
  std::uint64_t count() const;

  // What is to be read next, at most `entries_max` numbers of one journal. Not while empty.
  Piece next(std::uint64_t entries_max) const;
  // The entries read of a piece: all up to the last one. Answers how many of those cannot be read;
  // they are not asked for again.
  std::uint64_t on_read(const Piece& piece,
                        std::span<const std::shared_ptr<const mesh::Entry>> entries);

 private:
  struct Comparison {
    crdt::IntervalSet projected;  // when the filling began; all of it is read if the sums differ
    crdt::IntervalSet lacked;     // then; only these are added to `content`
    crdt::ContentSum content;     // projected, and read since
    crdt::ContentSum expected;    // on this disk
  };

  void compare(const JournalId& journal);

  Numbers lacking_;
  std::map<JournalId, Comparison> comparisons_;  // of journals with numbers in lacking_; each once
};

}  // namespace titan::uplink
