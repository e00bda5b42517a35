// The hello that opens a connection, in both directions: who speaks, that it belongs to this store,
// and that it sits at this very connection.
//
// The one that dialled sends a Hello, the other answers with HelloAccepted (the same in return) or
// HelloRefused. The proof is keyed BLAKE2b-256 under the store secret over a label and the claims;
// the claims name both CURVE keys of the connection, so a hello that was overheard proves nothing
// elsewhere. The labels differ by direction, so a hello cannot be sent back as its own answer.
//
// Pure functions; keys and secrets come in as arguments.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/result.h"
#include "mesh/messages.h"

namespace titan::mesh {

using StoreSecret = FixedBytes<struct StoreSecretTag, 32>;
using CurveKey = FixedBytes<struct CurveKeyTag, 32>;  // raw, not Z85

// On the wire; append only.
enum class RefusalCode : std::uint32_t {
  unknown = 0,  // of a newer version
  store = 1,    // another store of the same tenant
  tenant = 2,
  secret = 3,    // the store secrets differ
  protocol = 4,  // no protocol version that both speak
  malformed = 5,
  signature = 6,   // not made by the device it names
  connection = 7,  // made for another connection
};

struct HelloRefusal {
  RefusalCode code = RefusalCode::malformed;
  std::string reason;                                 // for the person in the shop
  std::uint32_t protocol_min = protocol_version_min;  // what the refusing side speaks
  std::uint32_t protocol = protocol_version;
};

[[noreturn]] void throw_exception_from_error(const HelloRefusal& refusal,
                                             const boost::source_location&);

// What both sides must agree on, and which protocol versions this one speaks.
struct HelloContext {
  std::string tenant;
  std::string store;
  StoreSecret secret;
  CurveKey client_curve_key;  // of the side that dialled
  CurveKey server_curve_key;
  std::uint32_t protocol_min = protocol_version_min;
  std::uint32_t protocol = protocol_version;
  std::uint16_t mesh_port = 0;  // where this side listens; 0: not told
};

enum class HelloKind : std::uint8_t { none, hello, accepted, refused, wanted };
// What a frame is, from its outermost tags alone; `none` for every other message and for rubbish.
HelloKind hello_kind(BytesView frame);

// Frames. `member` is the side that speaks; `device_key` is its key.
Bytes make_hello(const HelloContext& context, const KeyPair& device_key, const MemberInfo& member);
Bytes make_hello_accepted(const HelloContext& context, const KeyPair& device_key,
                          const MemberInfo& member);
Bytes make_hello_refused(const HelloRefusal& refusal);
Bytes make_hello_wanted();

// The other side's facts, if its hello holds for this connection. A refusal of check_hello() is
// what make_hello_refused() should tell the other side.
using HelloResult = boost::system::result<MemberInfo, HelloRefusal>;
HelloResult check_hello(BytesView frame, const HelloContext& context);
// The port at which the speaker of a hello that was checked listens; 0: it does not tell.
std::uint16_t mesh_port_of(BytesView checked_hello);
HelloResult check_hello_accepted(BytesView frame, const HelloContext& context);
// What a HelloRefused frame says; a frame that is none gives a malformed refusal.
HelloRefusal read_hello_refused(BytesView frame);

// The seed of the CURVE key pair that every terminal of a store listens with, derived from the
// store secret, so that one who does not hold the secret cannot even open a connection.
SecretSeed derive_curve_seed(const StoreSecret& secret);

}  // namespace titan::mesh
