#include "base/crypto.h"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "base/hex.h"

using namespace titan;

namespace {

SecretSeed seed_of(const char* hex) {
  return *SecretSeed::from_hex_text(hex);
}

}  // namespace

TEST_CASE("BLAKE2b-256 gives the published digests") {
  CHECK(blake2b("").hex() == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  CHECK(blake2b("abc").hex() == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST_CASE("A keyed hash depends on its key") {
  const Bytes key(32, 'k');
  const Bytes other(32, 'l');
  CHECK(blake2b_keyed(key, "abc") == blake2b_keyed(key, "abc"));
  CHECK(blake2b_keyed(key, "abc") != blake2b_keyed(other, "abc"));
  CHECK(blake2b_keyed(key, "abc") != blake2b("abc"));
}

TEST_CASE("Ed25519 gives the signatures of RFC 8032, section 7.1") {
  const KeyPair first = KeyPair::from_seed(
      seed_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  CHECK(first.public_key.hex() ==
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  CHECK(sign(first, "").hex() ==
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
        "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");

  const KeyPair second = KeyPair::from_seed(
      seed_of("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  CHECK(sign(second, *from_hex("72")).hex() ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
        "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST_CASE("A signature holds for its message and key alone") {
  rc::prop("any changed byte is noticed", [](std::uint64_t seed, const std::string& text) {
    Random random(seed);
    const KeyPair key = KeyPair::from_seed(SecretSeed::draw(random));
    const KeyPair other = KeyPair::from_seed(SecretSeed::draw(random));
    const Signature signature = sign(key, text);
    RC_ASSERT(verify(key.public_key, text, signature));
    RC_ASSERT(!verify(other.public_key, text, signature));
    RC_ASSERT(!verify(key.public_key, text + "x", signature));
    Signature damaged = signature;
    damaged.bytes[random.below(Signature::size)] ^=
        static_cast<std::uint8_t>(1u << random.below(8));
    RC_ASSERT(!verify(key.public_key, text, damaged));
  });
}

TEST_CASE("Secrets are equal only to the last character, of whatever length") {
  CHECK(same_secret("secret", "secret"));
  CHECK(same_secret("", ""));
  CHECK_FALSE(same_secret("secret", "secreT"));
  CHECK_FALSE(same_secret("secret", "secret "));
  CHECK_FALSE(same_secret("secret", ""));
}

TEST_CASE("A device is the start of its key's hash") {
  Random random(7);
  const KeyPair key = KeyPair::from_seed(SecretSeed::draw(random));
  const DeviceId device = device_of(key.public_key);
  CHECK(device.hex() == blake2b(key.public_key.view()).hex().substr(0, 32));
}
