#include "pos-node/http/origin.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <optional>

#include "base/http_target.h"

namespace titan::pos {
namespace {

constexpr std::size_t shown_bytes_max = 80;

// Of the usual hosts files; no public DNS answers for any of them.
constexpr std::array<std::string_view, 4> names_of_this_machine = {
    "localhost", "localhost.localdomain", "localhost4.localdomain4", "localhost6.localdomain6"};

std::optional<boost::asio::ip::address> address_of(std::string_view host) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  if (error) return std::nullopt;
  return address;
}

std::string_view without_last_dot(std::string_view host) {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  return host;
}

bool is_name_of_this_machine(std::string_view host) {
  host = without_last_dot(host);
  return host.ends_with(".localhost") ||
         std::find(names_of_this_machine.begin(), names_of_this_machine.end(), host) !=
             names_of_this_machine.end();
}

bool is_this_machine(std::string_view host) {
  const auto address = address_of(host);
  if (!address) return is_name_of_this_machine(host);
  if (address->is_v6() && address->to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address->to_v6())
        .is_loopback();
  }
  return address->is_loopback();
}

std::string shown(std::string_view text) {
  return "\"" + std::string(text.substr(0, shown_bytes_max)) + "\"";
}

}  // namespace

Status check_host(std::string_view authority) {
  const auto parsed = parse_http_authority(authority);
  if (!parsed) {
    return make_error(ErrorCode::invalid,
                      "The host " + shown(authority) + " is no name or address with a port.",
                      "Host");
  }
  const std::string& host = parsed->host;
  // A single label with a dot behind it is a name of public DNS, one without it is not.
  const bool is_safe = address_of(host) || is_name_of_this_machine(host) ||
                       host.find('.') == std::string::npos ||
                       without_last_dot(host).ends_with(".local");
  if (is_safe) return {};
  return make_error(
      ErrorCode::refused,
      "The API answers under the terminal's address, not under " + shown(authority) + ".", "Host");
}

Status check_page(std::string_view origin, std::string_view authority) {
  const std::size_t mark = origin.find("://");
  const std::string scheme = ascii_lower_case(origin.substr(0, mark));
  if (mark != std::string_view::npos && (scheme == "http" || scheme == "https")) {
    const std::string_view place = origin.substr(mark + 3);
    const auto parsed = parse_http_authority(place);
    const bool is_own = ascii_lower_case(place) == ascii_lower_case(authority);
    if (parsed && (is_own || is_this_machine(parsed->host))) return {};
  }
  // Any page of the world can call itself "null" by a frame in a sandbox.
  if (origin == "null" || scheme == "file") {
    return make_error(ErrorCode::refused,
                      "A page opened from a file has no address and may not use this terminal; "
                      "serve it on this machine, as http://localhost:PORT/.",
                      "Origin");
  }
  return make_error(ErrorCode::refused,
                    "A page from " + shown(origin) +
                        " may not use this terminal, only pages that this machine serves.",
                    "Origin");
}

}  // namespace titan::pos
