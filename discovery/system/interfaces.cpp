#include "discovery/system/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <tuple>

namespace titan::discovery {
namespace {

bool is_ipv6(const CardAddress& address) {
  return address.host.find(':') != std::string::npos;
}

bool is_link_local(const sockaddr* address) {
  if (address->sa_family == AF_INET6) {
    return IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  }
  constexpr std::uint32_t block = 0xa9fe0000;  // 169.254.0.0/16, RFC 3927
  const auto number = ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
  return (number & 0xffff0000) == block;
}

}  // namespace

std::vector<CardAddress> card_addresses() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(first, freeifaddrs);
  std::vector<CardAddress> found;
  for (const ifaddrs* item = first; item != nullptr; item = item->ifa_next) {
    if (item->ifa_addr == nullptr || (item->ifa_flags & IFF_UP) == 0) continue;
    const int family = item->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    char host[NI_MAXHOST] = {};
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (getnameinfo(item->ifa_addr, size, host, sizeof(host), nullptr, 0, NI_NUMERICHOST) != 0) {
      continue;
    }
    found.push_back({item->ifa_name, host, (item->ifa_flags & IFF_LOOPBACK) != 0,
                     is_link_local(item->ifa_addr), (item->ifa_flags & IFF_RUNNING) != 0});
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& left, const auto& right) {
    return std::tuple(is_ipv6(left), left.is_link_local) <
           std::tuple(is_ipv6(right), right.is_link_local);
  });
  return found;
}

}  // namespace titan::discovery
