// Notices that one request was recorded by two tills: a screen that got no answer from one and went
// to the next. A key's scope is the device, so both count; only a person knows whether the goods
// went out twice, and who is told in time can void one.
//
// Lives on the loop thread, of entries stored since the start, the newest key_watch_max of them.
// The same key with different requests is two things and not told: screens count their keys.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "mesh/entry/entry.h"

namespace titan::pos {

inline constexpr std::size_t key_watch_max = 4096;

class KeyWatch {
 public:
  // The entry of another device that recorded the same request; nothing: none that is known.
  std::optional<mesh::EntryId> on_stored(const mesh::Entry& entry);

 private:
  struct Known {
    DeviceId device;
    mesh::EntryId entry;
  };
  std::map<Hash, Known> known_;  // by key and request
  std::deque<Hash> order_;       // the oldest first
};

}  // namespace titan::pos
