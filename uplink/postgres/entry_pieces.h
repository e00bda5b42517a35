// Reads pieces of the store database's entries back, for GivingBack.
#pragma once

#include <pqxx/pqxx>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "uplink/giving_back.h"

namespace titan::uplink {

struct PieceRead {
  std::vector<Bytes> entries;
  GivingBack::Numbers found;
  std::set<JournalId> unread;
};

// At most about `bytes_max` bytes of each journal and in all, every branch of a forked number. The
// opening of each journal comes along, since it says whose the journal is and in which store it was
// opened.
PieceRead read_piece(pqxx::transaction_base& transaction, const std::string& store,
                     const GivingBack::Numbers& piece, std::size_t bytes_max);

}  // namespace titan::uplink
