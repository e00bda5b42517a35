// The addresses of this machine's network cards, as the kernel has them now.
#pragma once

#include <vector>

#include "discovery/own_addresses.h"

namespace titan::discovery {

// Of every card that is up; IPv4 first, then IPv6. Link-local IPv6 addresses are listed too.
std::vector<CardAddress> card_addresses();

}  // namespace titan::discovery
