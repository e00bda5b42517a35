// What a store database holds and this terminal's journals do not: entries whose last other copy
// went with a disk. Which they are is told by comparing cursors, so a database of any size costs
// nothing as long as it holds no more than the journals.
//
// Bookkeeping of one thread. Numbers are given in pieces; a piece is waited for until the journals
// hold it, or for `answer_limit`: what the node refused, or had no room for, is counted and let go.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>

#include "base/time.h"
#include "crdt/version_vector.h"

namespace titan::uplink {

class GivingBack {
 public:
  using Numbers = crdt::JournalNumbers;
  using Known = crdt::VersionVector::Journals;
  // The numbers of a journal that are stored on this terminal now.
  using Held = std::function<crdt::IntervalSet(const JournalId& journal)>;

  explicit GivingBack(Duration answer_limit) : answer_limit_(answer_limit) {}

  // `known`: what this disk holds; `projected`: what the database does.
  void begin(const Known& known, const crdt::VersionVector& projected);
  // Nothing is left to give, and nothing given is waited for.
  bool is_done() const { return lacking_.empty() && given_.empty(); }
  std::uint64_t count() const;

  // What is to be given now, at most `entries_max` numbers; nothing while a piece is waited for.
  Numbers next(const Held& held, std::size_t entries_max, MonoTime now);
  // What was found of the piece from next(), except of the journals `unread`. Behind the last
  // number found a journal's answer may have been cut short: those are asked for again. What is
  // missing before it the database does not have either.
  void on_read(const Numbers& found, const std::set<JournalId>& unread = {});

  std::uint64_t taken() const { return taken_; }      // given, and stored since
  std::uint64_t refused() const { return refused_; }  // given, and not stored in time

 private:
  void settle(const Held& held, MonoTime now);

  const Duration answer_limit_;
  Numbers lacking_;    // held by the database, not here, and not given yet; disjoint from given_
  Numbers given_;      // one piece: to be read, then waited for
  MonoTime deadline_;  // of that piece; of no meaning without one
  std::uint64_t taken_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace titan::uplink
