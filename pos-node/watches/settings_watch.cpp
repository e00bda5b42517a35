#include "pos-node/watches/settings_watch.h"

#include <cstdio>
#include <cstdlib>

#include "mesh/clock/clock_hold.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

constexpr std::int64_t judged_ms_max = 24 * 3600 * 1000;
constexpr std::size_t devices_max = 1000;

// Null: it has none, or cannot be read.
const std::string* currency_of(const RecordedEntry& entry) {
  if (entry.envelope.kind == mesh::Kind::sale) {
    if (const auto* sale = entry.as<v1::Sale>()) return &sale->currency();
  } else if (entry.envelope.kind == mesh::Kind::refund) {
    if (const auto* refund = entry.as<v1::Refund>()) return &refund->sale().currency();
  }
  return nullptr;
}

// "UTC+02:00".
std::string offset_text(std::int32_t minutes) {
  char text[16];
  const int size = std::abs(minutes);
  std::snprintf(text, sizeof text, "UTC%c%02d:%02d", minutes < 0 ? '-' : '+', size / 60, size % 60);
  return text;
}

}  // namespace

// True: to be told now.
bool SettingsWatch::is_news(const DeviceId& device, const char* setting, const std::string& theirs,
                            bool agrees) {
  if (agrees) {
    if (const auto known = told_.find(device); known != told_.end()) known->second.erase(setting);
    return false;
  }
  if (told_.size() >= devices_max) told_.clear();
  std::string& last = told_[device][setting];
  if (last == theirs) return false;
  last = theirs;
  return true;
}

std::vector<RuleAlarm> SettingsWatch::on_stored(const RecordedEntry& entry, WallTime now,
                                                const TerminalOf& terminal_of) {
  const mesh::Envelope& envelope = entry.envelope;
  if (envelope.device == facts_.device || !mesh::is_plausible(envelope.time)) return {};
  if (std::abs(envelope.time.utc_ms - now.utc_ms) > judged_ms_max) return {};
  const std::string* currency = currency_of(entry);
  if (!currency) return {};
  std::vector<RuleAlarm> alarms;
  if (is_news(envelope.device, "currency", *currency, *currency == facts_.currency)) {
    alarms.push_back({"store_settings", terminal_of(entry) + " sells in " + *currency +
                                            ", this terminal in " + facts_.currency +
                                            "; set the same [store] currency on every terminal"});
  }
  const std::int32_t own_offset = calendar_.offset_at(envelope.time);
  const std::string theirs = offset_text(envelope.utc_offset_minutes);
  if (is_news(envelope.device, "time_zone", theirs, envelope.utc_offset_minutes == own_offset)) {
    alarms.push_back(
        {"store_settings", terminal_of(entry) + " keeps " + theirs + ", this terminal " +
                               offset_text(own_offset) +
                               "; set the same [store] time_zone on every terminal, or sales are "
                               "booked on different days"});
  }
  return alarms;
}

}  // namespace titan::pos
