// The book of move-ins on the running terminal: entries from the loop's own reader, notes in the
// data folder.
//
// Lives on the loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "mesh/sqlite/journal/sqlite_reader.h"
#include "pos-node/hosts/mesh_host.h"
#include "pos-node/move_in/move_in_book.h"

namespace titan::pos {

class TerminalMoveIns final : public MoveInBook {
 public:
  // Terminals of the store that are remembered, but not here now.
  using Missing = std::function<std::vector<std::string>()>;

  TerminalMoveIns(const StoreCalendar& calendar, MeshHost& mesh, mesh::SqliteReader& reader,
                  Missing missing)
      : calendar_(calendar), mesh_(mesh), reader_(reader), missing_(std::move(missing)) {}
  // Where notes are kept; made when the first one is.
  void set_folder(std::string folder) { folder_ = std::move(folder); }

  StoreCalendar::Day day_of(WallTime time) override { return calendar_.day_of(time); }
  Result<std::vector<EntryPointer>> claiming(const Hash& claim) override;
  Result<bool> is_withdrawn(const MoveInId& move_in) override;
  Result<std::uint64_t> count(const MoveInId& move_in, mesh::Kind kind) override;
  Result<MoveInPage> page(const MoveInId& move_in, mesh::Kind kind, std::int64_t after,
                          std::size_t limit) override;
  Result<std::vector<EntryPointer>> printed_as(const std::string& receipt) override;
  Result<std::optional<std::string>> why_not_undone(const MoveInId& move_in) override;
  Result<std::optional<std::string>> why_not_certain() override;
  Result<std::optional<Bytes>> note(const MoveInId& move_in) override;
  Status keep_note(const MoveInId& move_in, BytesView note) override;
  Status drop_note(const MoveInId& move_in) override;

 private:
  std::string note_path(const MoveInId& move_in) const { return folder_ + "/" + move_in.hex(); }
  // When each device that moved it in began to, by its logical clock.
  using Beginnings = std::map<DeviceId, std::uint64_t>;
  Result<Beginnings> beginnings(const MoveInId& move_in);
  Result<std::optional<std::string>> moved_in_elsewhere(const MoveInId& move_in,
                                                        const Beginnings& began);
  Result<std::optional<std::string>> sold_since(const Beginnings& began);

  const StoreCalendar& calendar_;
  MeshHost& mesh_;
  mesh::SqliteReader& reader_;
  const Missing missing_;
  std::string folder_;
};

}  // namespace titan::pos
