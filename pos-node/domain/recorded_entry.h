// An entry as the till's rules, answers and watches use it: what the mesh recorded, together with
// its body, which is read when somebody first asks and then shared by all who hold it.
//
// Loop thread only: the first reading writes.
#pragma once

#include <memory>
#include <utility>
#include <variant>

#include "mesh/entry/entry.h"
#include "proto/entry.pb.h"

namespace titan::pos {

// The bodies that are read here; those of products and settings have readers of their own.
struct NoBody {};   // of another kind
struct BadBody {};  // cannot be read; a newer version may have written it
using EntryBody = std::variant<NoBody, BadBody, titan::entry::v1::Sale, titan::entry::v1::Refund,
                               titan::entry::v1::Void, titan::entry::v1::StockMovement,
                               titan::entry::v1::History, titan::entry::v1::HistoryWithdrawn>;

class RecordedEntry {
 public:
  explicit RecordedEntry(std::shared_ptr<const mesh::Entry> entry)
      : envelope(entry->envelope), hash(entry->hash), entry_(std::move(entry)) {}
  explicit RecordedEntry(mesh::Entry entry)
      : RecordedEntry(std::make_shared<const mesh::Entry>(std::move(entry))) {}
  RecordedEntry(const RecordedEntry&) = delete;
  RecordedEntry& operator=(const RecordedEntry&) = delete;

  const mesh::Entry& entry() const { return *entry_; }
  operator const mesh::Entry&() const { return *entry_; }

  const EntryBody& body() const;
  // Null: the entry has no such body, or it cannot be read.
  template <class Body>
  const Body* as() const {
    return std::get_if<Body>(&body());
  }
  // Whether anybody has asked for the body.
  bool is_read() const { return body_ != nullptr; }

  const mesh::Envelope& envelope;  // of entry()
  const Hash& hash;

 private:
  const std::shared_ptr<const mesh::Entry> entry_;
  mutable std::unique_ptr<const EntryBody> body_;
};

using EntryPointer = std::shared_ptr<const RecordedEntry>;

}  // namespace titan::pos
