#include "discovery/avahi/service_record.h"

#include <string_view>

namespace titan::discovery {
namespace {

// A DNS label has at most 63 bytes; the device's eight digits and a dash go on top.
constexpr std::size_t terminal_bytes_max = 48;
constexpr std::size_t device_digits = 8;
constexpr std::size_t store_digits = 16;
// A TXT string has at most 255 bytes, its key and '=' included.
constexpr std::size_t txt_value_bytes_max = 240;

// Cut at a whole character.
std::string shortened(const std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

std::string ServiceRecord::service_name() const {
  return shortened(terminal, terminal_bytes_max) + "-" + device().hex().substr(0, device_digits);
}

std::string ServiceRecord::store_type() const {
  std::string scope = tenant;
  scope.push_back('\0');
  scope += store;
  return "_" + blake2b(scope).hex().substr(0, store_digits) + "._sub." + service_type;
}

std::map<std::string, std::string> ServiceRecord::txt() const {
  return {{"v", std::to_string(protocol)},
          {"tenant", shortened(tenant, txt_value_bytes_max)},
          {"store", shortened(store, txt_value_bytes_max)},
          {"device", device().hex()},
          {"key", device_key.hex()}};
}

std::optional<DeviceId> device_in_txt(const ServiceRecord& own,
                                      const std::map<std::string, std::string>& txt) {
  const auto value = [&](const char* key) -> std::string_view {
    const auto found = txt.find(key);
    return found == txt.end() ? std::string_view() : std::string_view(found->second);
  };
  const auto expected = own.txt();
  if (value("tenant") != expected.at("tenant") || value("store") != expected.at("store")) {
    return std::nullopt;
  }
  const auto device = DeviceId::from_hex_text(value("device"));
  if (!device || device->is_none()) return std::nullopt;
  return device;
}

}  // namespace titan::discovery
