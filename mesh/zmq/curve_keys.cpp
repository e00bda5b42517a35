#include "mesh/zmq/curve_keys.h"

#include <sodium.h>

#include <stdexcept>

namespace titan::mesh {
namespace {

void need_sodium() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium does not start on this machine");
}

}  // namespace

static_assert(crypto_box_SEEDBYTES == SecretSeed::size);
static_assert(crypto_box_PUBLICKEYBYTES == CurveKey::size);

CurveKeyPair CurveKeyPair::from_seed(const SecretSeed& seed) {
  need_sodium();
  CurveKeyPair pair;
  crypto_box_seed_keypair(pair.public_key.bytes.data(), pair.secret_key.bytes.data(),
                          seed.bytes.data());
  return pair;
}

CurveKeyPair CurveKeyPair::draw() {
  need_sodium();
  CurveKeyPair pair;
  crypto_box_keypair(pair.public_key.bytes.data(), pair.secret_key.bytes.data());
  return pair;
}

}  // namespace titan::mesh
