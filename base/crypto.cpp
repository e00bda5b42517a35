#include "base/crypto.h"

#include <sodium.h>

#include <cassert>
#include <cstring>

namespace titan {
namespace {

const unsigned char* data_of(BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

KeyPair KeyPair::from_seed(const SecretSeed& seed) {
  KeyPair pair;
  crypto_sign_seed_keypair(pair.public_key.bytes.data(), pair.secret_key.data(), seed.bytes.data());
  return pair;
}

Hash blake2b(BytesView bytes) {
  Hash hash;
  crypto_generichash(hash.bytes.data(), Hash::size, data_of(bytes), bytes.size(), nullptr, 0);
  return hash;
}

Hash blake2b_keyed(BytesView key, BytesView bytes) {
  assert(key.size() >= crypto_generichash_KEYBYTES_MIN);
  assert(key.size() <= crypto_generichash_KEYBYTES_MAX);
  Hash hash;
  crypto_generichash(hash.bytes.data(), Hash::size, data_of(bytes), bytes.size(), data_of(key),
                     key.size());
  return hash;
}

Signature sign(const KeyPair& key, BytesView message) {
  Signature signature;
  crypto_sign_detached(signature.bytes.data(), nullptr, data_of(message), message.size(),
                       key.secret_key.data());
  return signature;
}

bool verify(const PublicKey& key, BytesView message, const Signature& signature) {
  return crypto_sign_verify_detached(signature.bytes.data(), data_of(message), message.size(),
                                     key.bytes.data()) == 0;
}

// Hashes are of one length, as the comparison needs it.
bool same_secret(BytesView a, BytesView b) {
  const Hash left = blake2b(a);
  const Hash right = blake2b(b);
  return sodium_memcmp(left.bytes.data(), right.bytes.data(), left.bytes.size()) == 0;
}

DeviceId device_of(const PublicKey& key) {
  DeviceId device;
  const Hash hash = blake2b(key.view());
  std::memcpy(device.bytes.data(), hash.bytes.data(), DeviceId::size);
  return device;
}

}  // namespace titan
