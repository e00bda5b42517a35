#include "uplink/postgres/store_database_status.h"

#include "election/term_bound.h"
#include "uplink/postgres/lease_row.h"

namespace titan::uplink {

const char* to_string(StoreDatabaseState state) {
  switch (state) {
    case StoreDatabaseState::off:
      return "off";
    case StoreDatabaseState::starting:
      return "starting";
    case StoreDatabaseState::filling:
      return "filling";
    case StoreDatabaseState::up:
      return "up";
    case StoreDatabaseState::refused:
      return "refused";
    case StoreDatabaseState::failed:
      return "failed";
  }
  return "unknown";
}

std::string words_for(const StoreDatabaseFlaws& flaws) {
  std::string words;
  const auto say = [&words](std::uint64_t count, const char* what) {
    if (count == 0) return;
    words += (words.empty() ? "" : "; ") + std::to_string(count) + what;
  };
  say(flaws.quarantined, " entries could not be read and are in the table quarantine");
  say(flaws.refused, " entries of it are in no journal and could not be proven");
  say(flaws.unreadable, " entries are missing on this disk");
  return words;
}

std::string words_for(const LeaseHolder& holder) {
  if (holder.was_jump) {
    return "the store's term is more than " + std::to_string(election::term_jump_max) +
           " above term " + std::to_string(holder.token.term) +
           " of the store database, which no store reaches: if the tills agree on it, delete this "
           "store's row of the table leadership";
  }
  return "another leader (" + (holder.terminal.empty() ? "unnamed" : holder.terminal) + ", term " +
         std::to_string(holder.token.term) + ") writes the store database";
}

}  // namespace titan::uplink
