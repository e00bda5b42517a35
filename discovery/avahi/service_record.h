// What a terminal says about itself in mDNS: service type, sub-type of its store, TXT record.
//
// Pure. The sub-type keeps the stores on one LAN apart before anything is dialled; the TXT record
// is a hint, never a proof: who a peer is, the hello tells.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/crypto.h"
#include "base/ids.h"
#include "discovery/own_addresses.h"

namespace titan::discovery {

inline constexpr const char* service_type = "_titan-mesh._tcp";

struct ServiceRecord {
  std::uint32_t protocol = 1;
  std::string tenant;
  std::string store;
  std::string terminal;
  PublicKey device_key;
  std::uint16_t port = 0;
  Protocols protocols{true, false};  // that we listen on: others are told no address of another

  DeviceId device() const { return device_of(device_key); }
  // "till-1-3fa94c01": told apart on a LAN where two stores both have a till-1.
  std::string service_name() const;
  // "_<16 hexadecimal digits of tenant and store>._sub._titan-mesh._tcp".
  std::string store_type() const;
  std::map<std::string, std::string> txt() const;
};

// The device that a TXT record names, if it is of this store and well-formed.
std::optional<DeviceId> device_in_txt(const ServiceRecord& own,
                                      const std::map<std::string, std::string>& txt);

}  // namespace titan::discovery
