// What the API needs to know of move-ins from a former system (docs/V01.md): whose entries are
// here, which of them count, and the note that an undo needs.
//
// Everything runs on the loop thread. Look-ups answer at once; a list is read page by page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "mesh/wire/move_in.h"
#include "pos-node/domain/business_day.h"
#include "pos-node/domain/recorded_entry.h"

namespace titan::pos {

using mesh::MoveInId;

struct MoveInPage {
  std::vector<EntryPointer> entries;
  std::int64_t next = 0;  // go on behind this; 0: this was the end
};

class MoveInBook {
 public:
  virtual ~MoveInBook() = default;

  virtual StoreCalendar::Day day_of(WallTime time) = 0;
  // All entries of a claim, by hash. Of opening stocks the first one counts, of past sales the
  // first one whose move-in stands.
  virtual Result<std::vector<EntryPointer>> claiming(const Hash& claim) = 0;
  virtual Result<bool> is_withdrawn(const MoveInId& move_in) = 0;
  virtual Result<std::uint64_t> count(const MoveInId& move_in, mesh::Kind kind) = 0;
  // In the order of arrival.
  virtual Result<MoveInPage> page(const MoveInId& move_in, mesh::Kind kind, std::int64_t after,
                                  std::size_t limit) = 0;
  // Sales printed under this receipt, by the former system or by ours.
  virtual Result<std::vector<EntryPointer>> printed_as(const std::string& receipt) = 0;
  // Why the move-in cannot be undone now, for the person who wants to; nothing if it can.
  virtual Result<std::optional<std::string>> why_not_undone(const MoveInId& move_in) = 0;
  // The part of it that also holds for the rest of an undo that was begun: why nobody can tell now
  // which opening stock counts.
  virtual Result<std::optional<std::string>> why_not_certain() = 0;

  // The note of a move-in: what it did to products, durable before it does it. Kept in the data
  // folder from its beginning until it is undone.
  virtual Result<std::optional<Bytes>> note(const MoveInId& move_in) = 0;
  // Writes to the disk and waits for it; the one call here that a worker may make, for one move-in
  // at a time.
  virtual Status keep_note(const MoveInId& move_in, BytesView note) = 0;
  virtual Status drop_note(const MoveInId& move_in) = 0;
};

// Whether nobody has undone the move-in that brought the entry.
inline Result<bool> move_in_stands(const mesh::Entry& entry, MoveInBook& book) {
  const auto move_in = mesh::move_in_of(entry.envelope);
  if (!move_in) return true;
  const auto withdrawn = book.is_withdrawn(*move_in);
  if (!withdrawn) return withdrawn.error();
  return !*withdrawn;
}

}  // namespace titan::pos
