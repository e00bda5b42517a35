// The cloud's Ed25519 key: signs watermarks and feeds. Kept as 64 hexadecimal digits (the seed) in
// DATA/cloud.key, mode 0600, made at first need.
#pragma once

#include <string>

#include "base/crypto.h"
#include "base/result.h"

namespace titan::cloud {

SecretSeed random_seed();
Result<KeyPair> load_or_make_key(const std::string& data_folder);

}  // namespace titan::cloud
