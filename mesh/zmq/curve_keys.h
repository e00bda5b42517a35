// CURVE key pairs: the server's from the store secret, the client's drawn per process.
#pragma once

#include "base/crypto.h"
#include "mesh/wire/hello.h"

namespace titan::mesh {

struct CurveKeyPair {
  CurveKey public_key;
  CurveKey secret_key;

  // crypto_box's key pair of the seed: the same on every terminal of the store.
  static CurveKeyPair from_seed(const SecretSeed& seed);
  static CurveKeyPair draw();
};

}  // namespace titan::mesh
