#include "pos-node/watches/settings_watch.h"

#include <cstdio>
#include <cstdlib>

#include "mesh/clock/clock_hold.h"
#include "proto/entry.pb.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

constexpr std::int64_t judged_ms_max = 24 * 3600 * 1000;
constexpr std::size_t devices_max = 1000;

std::optional<std::string> currency_of(const mesh::Entry& entry) {
  v1::Sale sale;
  if (entry.envelope.kind == mesh::Kind::sale) {
    if (!sale.ParseFromString(entry.envelope.body)) return std::nullopt;
  } else if (entry.envelope.kind == mesh::Kind::refund) {
    v1::Refund refund;
    if (!refund.ParseFromString(entry.envelope.body)) return std::nullopt;
    sale = std::move(*refund.mutable_sale());
  } else {
    return std::nullopt;
  }
  return sale.currency();
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

std::vector<RuleAlarm> SettingsWatch::on_stored(const mesh::Entry& entry, WallTime now,
                                                const TerminalOf& terminal_of) {
  const mesh::Envelope& envelope = entry.envelope;
  if (envelope.device == facts_.device || !mesh::is_plausible(envelope.time)) return {};
  if (std::abs(envelope.time.utc_ms - now.utc_ms) > judged_ms_max) return {};
  const auto currency = currency_of(entry);
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
