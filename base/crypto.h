// Hashes and signatures: BLAKE2b (RFC 7693) and Ed25519 (RFC 8032) through libsodium.
//
// All functions are pure: same input, same output, no clock and no randomness, so the core and the
// simulator may call them. Keys are made from 32 bytes that a host draws.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"

namespace titan {

using PublicKey = FixedBytes<struct PublicKeyTag, 32>;
using Signature = FixedBytes<struct SignatureTag, 64>;
using SecretSeed = FixedBytes<struct SecretSeedTag, 32>;

struct KeyPair {
  PublicKey public_key;
  std::array<std::uint8_t, 64> secret_key{};

  static KeyPair from_seed(const SecretSeed& seed);
};

// BLAKE2b-256.
Hash blake2b(BytesView bytes);
// BLAKE2b-256 keyed with `key` (16 to 64 bytes): a MAC.
Hash blake2b_keyed(BytesView key, BytesView bytes);

Signature sign(const KeyPair& key, BytesView message);
[[nodiscard]] bool verify(const PublicKey& key, BytesView message, const Signature& signature);

// Takes the same time whether the first or the last character differs.
[[nodiscard]] bool same_secret(BytesView a, BytesView b);

DeviceId device_of(const PublicKey& key);

}  // namespace titan
