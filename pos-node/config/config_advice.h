// What a configuration may say and should not: secrets that are no secrets, an API that everybody
// on the network can reach.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pos-node/config/config.h"

namespace titan::pos {

// Why 64 hexadecimal digits are no secret: all alike, a repeated or counting pattern, too few
// different bytes. Nothing for one that was drawn at random, but once in more than 2^80 draws.
std::optional<std::string> weak_secret_complaint(const std::string& hex);

// Allowed, but told by `check` and at each start, one sentence each.
std::vector<std::string> config_warnings(const Config& config);

}  // namespace titan::pos
