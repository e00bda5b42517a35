#include "mesh/wire/hello.h"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "mesh/wire/wire_codec.h"
#include "proto/mesh.pb.h"
#include "tests/mesh/generators.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

namespace pb = titan::mesh::v1;

struct Side {
  explicit Side(std::uint64_t seed) : random(seed), key(draw_key(random)) {
    context.tenant = "acme";
    context.store = "s-1";
    Random shared(99);
    context.secret = StoreSecret::draw(shared);
    context.client_curve_key = CurveKey::draw(shared);
    context.server_curve_key = CurveKey::draw(shared);
    member = draw_member(random);
    member.device_key = key.public_key;
  }

  Random random;
  KeyPair key;
  HelloContext context;
  MemberInfo member;
};

// The code of the refusal, after checking that it says something.
RefusalCode refusal_of(const HelloResult& result) {
  if (result.has_value()) return RefusalCode::unknown;
  CHECK_FALSE(result.error().reason.empty());
  return result.error().code;
}

}  // namespace

TEST_CASE("A hello says who speaks, in both directions") {
  rc::prop("for any member", [](std::uint64_t seed) {
    Side side(seed);
    const Side other(seed + 1);
    const Bytes hello = make_hello(side.context, side.key, side.member);
    RC_ASSERT(hello_kind(hello) == HelloKind::hello);
    const HelloResult heard = check_hello(hello, other.context);
    RC_ASSERT(heard.has_value());
    RC_ASSERT(*heard == side.member);

    const Bytes accepted = make_hello_accepted(side.context, side.key, side.member);
    RC_ASSERT(hello_kind(accepted) == HelloKind::accepted);
    const HelloResult answer = check_hello_accepted(accepted, other.context);
    RC_ASSERT(answer.has_value());
    RC_ASSERT(*answer == side.member);
  });
}

TEST_CASE("A hello tells the port at which its speaker listens, or none") {
  Side till(1);
  const Side peer(2);
  CHECK(mesh_port_of(make_hello(till.context, till.key, till.member)) == 0);
  till.context.mesh_port = 7411;
  const Bytes hello = make_hello(till.context, till.key, till.member);
  REQUIRE(check_hello(hello, peer.context).has_value());
  CHECK(mesh_port_of(hello) == 7411);
  CHECK(mesh_port_of(make_hello_wanted()) == 0);
  CHECK(mesh_port_of("rubbish") == 0);
}

TEST_CASE("Who does not belong is refused, with the reason") {
  Side till(1);
  Side peer(2);
  const auto refusal = [&] {
    return refusal_of(check_hello(make_hello(peer.context, peer.key, peer.member), till.context));
  };
  SECTION("another tenant") {
    peer.context.tenant = "other";
    CHECK(refusal() == RefusalCode::tenant);
  }
  SECTION("another store") {
    peer.context.store = "s-2";
    CHECK(refusal() == RefusalCode::store);
  }
  SECTION("another secret") {
    peer.context.secret = StoreSecret::draw(peer.random);
    CHECK(refusal() == RefusalCode::secret);
  }
  SECTION("another client's key: an overheard hello") {
    peer.context.client_curve_key = CurveKey::draw(peer.random);
    CHECK(refusal() == RefusalCode::connection);
  }
  SECTION("another server's key") {
    peer.context.server_curve_key = CurveKey::draw(peer.random);
    CHECK(refusal() == RefusalCode::connection);
  }
  SECTION("a device key it does not own") {
    peer.member.device_key = till.key.public_key;
    CHECK(refusal() == RefusalCode::signature);
  }
  SECTION("a newer protocol that no longer speaks ours") {
    peer.context.protocol_min = protocol_version + 1;
    peer.context.protocol = protocol_version + 2;
    CHECK(refusal() == RefusalCode::protocol);
  }
  SECTION("a protocol older than ours") {
    till.context.protocol_min = protocol_version + 1;
    till.context.protocol = protocol_version + 1;
    CHECK(refusal() == RefusalCode::protocol);
  }
  SECTION("no process") {
    peer.member.process = {};
    CHECK(refusal() == RefusalCode::malformed);
  }
}

TEST_CASE("Neighbouring protocol versions talk") {
  Side till(1);
  Side peer(2);
  peer.context.protocol = protocol_version + 1;
  CHECK(check_hello(make_hello(peer.context, peer.key, peer.member), till.context).has_value());
}

TEST_CASE("A hello is not its own answer") {
  Side till(1);
  const Bytes hello = make_hello(till.context, till.key, till.member);
  CHECK(refusal_of(check_hello_accepted(hello, till.context)) == RefusalCode::malformed);
  pb::Frame frame;
  REQUIRE(frame.ParseFromString(hello));
  pb::Frame turned;
  turned.mutable_hello_accepted()->set_claims(frame.hello().claims());
  turned.mutable_hello_accepted()->set_proof(frame.hello().proof());
  turned.mutable_hello_accepted()->set_signature(frame.hello().signature());
  CHECK(refusal_of(check_hello_accepted(turned.SerializeAsString(), till.context)) ==
        RefusalCode::secret);
}

TEST_CASE("A refusal tells the other side why, without our names") {
  Side till(1);
  Side peer(2);
  peer.context.store = "s-2";
  const auto refused = check_hello(make_hello(peer.context, peer.key, peer.member), till.context);
  REQUIRE(refused.has_error());
  CHECK(refused.error().reason.find("s-1") == std::string::npos);
  const Bytes frame = make_hello_refused(refused.error());
  CHECK(hello_kind(frame) == HelloKind::refused);
  const HelloRefusal told = read_hello_refused(frame);
  CHECK(told.code == RefusalCode::store);
  CHECK(told.reason == refused.error().reason);
  CHECK(told.protocol == protocol_version);
  CHECK(told.protocol_min == protocol_version_min);
}

TEST_CASE("A refusal from a newer version is still a refusal") {
  pb::Frame frame;
  frame.mutable_hello_refused()->set_code(88);
  const HelloRefusal told = read_hello_refused(frame.SerializeAsString());
  CHECK(told.code == RefusalCode::unknown);
  CHECK_FALSE(told.reason.empty());
  CHECK(read_hello_refused("rubbish").code == RefusalCode::malformed);
}

TEST_CASE("The kind of a frame is told without reading it") {
  const WireCodec codec;
  CHECK(hello_kind(make_hello_wanted()) == HelloKind::wanted);
  CHECK(hello_kind(codec.encode_message(Leave{3})) == HelloKind::none);
  CHECK(hello_kind("") == HelloKind::none);
  CHECK(hello_kind("\xff\xff\xff") == HelloKind::none);
  // A hello that smuggles another message along is none.
  CHECK(hello_kind(make_hello_wanted() + codec.encode_message(Leave{3})) == HelloKind::none);
}

TEST_CASE("Rubbish and tampering get nobody past the hello") {
  rc::prop("random bytes", [](std::uint64_t seed) {
    Side till(1);
    Random random(seed);
    const Bytes rubbish = draw_bytes(random, 300);
    RC_ASSERT(check_hello(rubbish, till.context).has_error());
    RC_ASSERT(check_hello_accepted(rubbish, till.context).has_error());
    RC_ASSERT(read_hello_refused(rubbish).code == RefusalCode::malformed);
  });
  rc::prop("any changed bit of the claims, the proof or the signature", [](std::uint64_t seed) {
    Random random(seed);
    Side till(1);
    Side peer(2);
    pb::Frame frame;
    RC_ASSERT(frame.ParseFromString(make_hello(peer.context, peer.key, peer.member)));
    pb::Hello* hello = frame.mutable_hello();
    std::string* const parts[] = {hello->mutable_claims(), hello->mutable_proof(),
                                  hello->mutable_signature()};
    std::string& part = *parts[random.below(3)];
    part[random.below(part.size())] ^= static_cast<char>(1u << random.below(8));
    RC_ASSERT(check_hello(frame.SerializeAsString(), till.context).has_error());
  });
}

TEST_CASE("The listening key comes from the secret alone") {
  Random random(4);
  const StoreSecret secret = StoreSecret::draw(random);
  CHECK(derive_curve_seed(secret) == derive_curve_seed(secret));
  CHECK(derive_curve_seed(secret) != derive_curve_seed(StoreSecret::draw(random)));
  CHECK(derive_curve_seed(secret).view() != secret.view());
}
