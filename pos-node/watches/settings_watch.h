// Notices that another till of the store keeps another currency or another time zone than this one:
// its sales would be summed with ours, or booked on another day, without a word. Told by what it
// sells, once for each device and setting until they agree again.
//
// Lives on the loop thread. Sales of long ago are not judged: the setting may have been mended.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pos-node/domain/business_day.h"
#include "pos-node/domain/sale_rules.h"

namespace titan::pos {

class SettingsWatch {
 public:
  // Both outlive it.
  SettingsWatch(const StoreFacts& facts, const StoreCalendar& calendar)
      : facts_(facts), calendar_(calendar) {}

  // For every entry that was stored here. `terminal_of`: its writer's name, asked for the text
  // only.
  using TerminalOf = std::function<std::string(const mesh::Entry&)>;
  std::vector<RuleAlarm> on_stored(const RecordedEntry& entry, WallTime now,
                                   const TerminalOf& terminal_of);

 private:
  // What each device was told to differ in: setting -> its value.
  using Differences = std::map<std::string, std::string>;

  bool is_news(const DeviceId& device, const char* setting, const std::string& theirs, bool agrees);

  const StoreFacts& facts_;
  const StoreCalendar& calendar_;
  std::map<DeviceId, Differences> told_;
};

}  // namespace titan::pos
