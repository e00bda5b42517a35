// What a person is told of a store database: its state, how far it is, and in words what is amiss.
#pragma once

#include <cstdint>
#include <string>

namespace titan::uplink {

struct LeaseHolder;

enum class StoreDatabaseState { off, starting, filling, up, refused, failed };
const char* to_string(StoreDatabaseState state);

struct StoreDatabaseStatus {
  StoreDatabaseState state = StoreDatabaseState::off;
  std::uint64_t complete_to = 0;  // entries projected
  std::uint64_t behind = 0;       // entries stored here and not projected yet
  double progress = 0;            // of the present filling, 0 to 1
  std::uint64_t quarantined = 0;  // of this leadership: entries whose body could not be projected
  std::string message;            // for a person; empty when all is well
  std::string address;            // where a person can connect to it, without password
};

// Of a database that is being filled or up; empty when all is well.
struct StoreDatabaseFlaws {
  std::uint64_t quarantined = 0;  // entries whose body could not be projected
  std::uint64_t refused = 0;      // given back, and could not be proven
  std::uint64_t unreadable = 0;   // entries that this disk has lost
};
std::string words_for(const StoreDatabaseFlaws& flaws);
// Of a database that another leader writes, or whose term is out of reach.
std::string words_for(const LeaseHolder& holder);

}  // namespace titan::uplink
