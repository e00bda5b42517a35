// Processes, devices and voters by number, for the tests of a single election and of the ranking.
#pragma once

#include <cstdint>

#include "election/types.h"

namespace titan::election {

inline ProcessId process(std::uint8_t number) {
  ProcessId id;
  id.bytes[0] = number;
  return id;
}

inline DeviceId device(std::uint8_t number) {
  DeviceId id;
  id.bytes[0] = number;
  return id;
}

inline Voter voter(std::uint8_t number) {
  Voter result;
  result.process = process(number);
  result.device = device(number);
  result.alive = true;
  return result;
}

}  // namespace titan::election
