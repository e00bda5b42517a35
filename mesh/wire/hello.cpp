#include "mesh/wire/hello.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <stdexcept>

#include "base/utf8.h"
#include "mesh/wire/convert.h"
#include "mesh/wire/parse.h"

namespace titan::mesh {
namespace {

using wire::Reader;
namespace pb = titan::mesh::v1;

constexpr BytesView hello_label = "titan-hello-1";
constexpr BytesView accepted_label = "titan-hello-accepted-1";
constexpr BytesView curve_label = "titan-curve-server-1";
// A hello lists one member and its addresses; more than this is none.
constexpr std::size_t hello_bytes_max = 32 * 1024;
constexpr std::size_t reason_bytes_max = 512;
// Fields of a frame from here on ride beside its message.
constexpr int first_beside_field = 100;

Bytes labelled(BytesView label, BytesView claims) {
  Bytes message;
  message.reserve(label.size() + claims.size());
  message.append(label).append(claims);
  return message;
}

Bytes claims_of(const HelloContext& context, const MemberInfo& member) {
  pb::HelloClaims claims;
  claims.set_protocol(context.protocol);
  claims.set_protocol_min(context.protocol_min);
  claims.set_tenant(context.tenant);
  claims.set_store(context.store);
  wire::put(claims.mutable_client_curve_key(), context.client_curve_key);
  wire::put(claims.mutable_server_curve_key(), context.server_curve_key);
  wire::to_wire(member, claims.mutable_member());
  claims.set_mesh_port(context.mesh_port);
  return claims.SerializeAsString();
}

template <class WireHello>
void fill(WireHello* out, BytesView label, const HelloContext& context, const KeyPair& device_key,
          const MemberInfo& member) {
  Bytes claims = claims_of(context, member);
  const Bytes message = labelled(label, claims);
  wire::put(out->mutable_proof(), blake2b_keyed(context.secret.view(), message));
  wire::put(out->mutable_signature(), sign(device_key, message));
  out->set_claims(std::move(claims));
}

HelloRefusal refuse(const HelloContext& context, RefusalCode code, std::string reason) {
  return {code, std::move(reason), context.protocol_min, context.protocol};
}

std::string versions(std::uint32_t first, std::uint32_t last) {
  if (first == last) return std::to_string(last);
  return std::to_string(first) + " to " + std::to_string(last);
}

// What a stranger may be told before it has proved anything: that names differ, never ours.
std::optional<HelloRefusal> check_names(const pb::HelloClaims& claims,
                                        const HelloContext& context) {
  if (claims.protocol_min() > context.protocol || claims.protocol() < context.protocol_min) {
    return refuse(context, RefusalCode::protocol,
                  "the terminals speak different protocol versions (" +
                      versions(claims.protocol_min(), claims.protocol()) + " there, " +
                      versions(context.protocol_min, context.protocol) +
                      " here); update the older one");
  }
  if (claims.tenant() != context.tenant) {
    return refuse(context, RefusalCode::tenant,
                  "the terminals belong to different tenants; if they should not, compare "
                  "`tenant` in their configurations");
  }
  if (claims.store() != context.store) {
    return refuse(context, RefusalCode::store,
                  "the terminals belong to different stores; if they should not, compare `store` "
                  "in their configurations");
  }
  return std::nullopt;
}

template <class WireHello>
HelloResult check(const WireHello& hello, BytesView label, const HelloContext& context) {
  wire::Parsed<pb::HelloClaims> claims(hello.claims());
  if (!claims.ok()) {
    return refuse(context, RefusalCode::malformed, "the hello cannot be read");
  }
  if (auto refusal = check_names(*claims, context)) return std::move(*refusal);

  const Bytes message = labelled(label, hello.claims());
  const auto proof = Hash::from_bytes(hello.proof());
  // The comparison's running time may tell nothing: the proof is new for every connection.
  if (!proof || *proof != blake2b_keyed(context.secret.view(), message)) {
    return refuse(context, RefusalCode::secret,
                  "the terminals have different store secrets; copy `secret` from a working "
                  "terminal's configuration");
  }
  if (claims->client_curve_key() != context.client_curve_key.view() ||
      claims->server_curve_key() != context.server_curve_key.view()) {
    return refuse(context, RefusalCode::connection,
                  "the hello was made for another connection; the terminal will dial again");
  }
  Reader reader;
  Result<MemberInfo> member = reader.finish(wire::member_from(reader, claims->member()));
  if (!member) {
    return refuse(context, RefusalCode::malformed, "the hello's " + member.error().message);
  }
  const auto signature = Signature::from_bytes(hello.signature());
  if (!signature || !verify(member->device_key, message, *signature)) {
    return refuse(
        context, RefusalCode::signature,
        "the hello of terminal " + member->terminal + " is not signed by the device key it names");
  }
  return std::move(*member);
}

}  // namespace

void throw_exception_from_error(const HelloRefusal& refusal, const boost::source_location&) {
  throw std::runtime_error(refusal.reason);
}

HelloKind hello_kind(BytesView frame) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(frame.data()),
                                               static_cast<int>(frame.size()));
  HelloKind kind = HelloKind::none;
  while (const std::uint32_t tag = input.ReadTag()) {
    switch (WireFormatLite::GetTagFieldNumber(tag)) {
      case pb::Frame::kProtocolFieldNumber:
        break;
      case pb::Frame::kHelloFieldNumber:
        kind = HelloKind::hello;
        break;
      case pb::Frame::kHelloAcceptedFieldNumber:
        kind = HelloKind::accepted;
        break;
      case pb::Frame::kHelloRefusedFieldNumber:
        kind = HelloKind::refused;
        break;
      case pb::Frame::kHelloWantedFieldNumber:
        kind = HelloKind::wanted;
        break;
      default:
        if (WireFormatLite::GetTagFieldNumber(tag) < first_beside_field) return HelloKind::none;
        break;
    }
    if (!WireFormatLite::SkipField(&input, tag)) return HelloKind::none;
  }
  return input.ConsumedEntireMessage() ? kind : HelloKind::none;
}

Bytes make_hello(const HelloContext& context, const KeyPair& device_key, const MemberInfo& member) {
  pb::Frame frame;
  frame.set_protocol(context.protocol);
  fill(frame.mutable_hello(), hello_label, context, device_key, member);
  return frame.SerializeAsString();
}

Bytes make_hello_accepted(const HelloContext& context, const KeyPair& device_key,
                          const MemberInfo& member) {
  pb::Frame frame;
  frame.set_protocol(context.protocol);
  fill(frame.mutable_hello_accepted(), accepted_label, context, device_key, member);
  return frame.SerializeAsString();
}

Bytes make_hello_refused(const HelloRefusal& refusal) {
  pb::Frame frame;
  frame.set_protocol(refusal.protocol);
  pb::HelloRefused* refused = frame.mutable_hello_refused();
  // Cut, it may end within a character, which no peer could read.
  const bool is_sound = refusal.reason.size() <= reason_bytes_max && is_utf8(refusal.reason);
  refused->set_reason(is_sound ? refusal.reason : "the hello was refused");
  refused->set_code(static_cast<std::uint32_t>(refusal.code));
  refused->set_protocol_min(refusal.protocol_min);
  refused->set_protocol(refusal.protocol);
  return frame.SerializeAsString();
}

Bytes make_hello_wanted() {
  pb::Frame frame;
  frame.set_protocol(protocol_version);
  frame.mutable_hello_wanted();
  return frame.SerializeAsString();
}

HelloResult check_hello(BytesView frame, const HelloContext& context) {
  if (frame.size() <= hello_bytes_max && hello_kind(frame) == HelloKind::hello) {
    wire::Parsed<pb::Frame> parsed(frame);
    if (parsed.ok() && parsed->has_hello()) return check(parsed->hello(), hello_label, context);
  }
  return refuse(context, RefusalCode::malformed, "the frame is no hello");
}

std::uint16_t mesh_port_of(BytesView checked_hello) {
  wire::Parsed<pb::Frame> frame(checked_hello);
  if (!frame.ok() || !frame->has_hello()) return 0;
  wire::Parsed<pb::HelloClaims> claims(frame->hello().claims());
  if (!claims.ok() || claims->mesh_port() > 65535) return 0;
  return static_cast<std::uint16_t>(claims->mesh_port());
}

HelloResult check_hello_accepted(BytesView frame, const HelloContext& context) {
  if (frame.size() <= hello_bytes_max && hello_kind(frame) == HelloKind::accepted) {
    wire::Parsed<pb::Frame> parsed(frame);
    if (parsed.ok() && parsed->has_hello_accepted()) {
      return check(parsed->hello_accepted(), accepted_label, context);
    }
  }
  return refuse(context, RefusalCode::malformed, "the frame is no answer to a hello");
}

HelloRefusal read_hello_refused(BytesView frame) {
  HelloRefusal refusal;
  refusal.reason = "the other terminal refused without a reason that can be read";
  if (frame.size() > hello_bytes_max || hello_kind(frame) != HelloKind::refused) return refusal;
  wire::Parsed<pb::Frame> parsed(frame);
  if (!parsed.ok() || !parsed->has_hello_refused()) return refusal;
  const pb::HelloRefused& refused = parsed->hello_refused();
  const bool is_known = refused.code() <= static_cast<std::uint32_t>(RefusalCode::connection);
  refusal.code = is_known ? static_cast<RefusalCode>(refused.code()) : RefusalCode::unknown;
  if (!refused.reason().empty() && refused.reason().size() <= reason_bytes_max) {
    refusal.reason = refused.reason();
  }
  refusal.protocol_min = refused.protocol_min();
  refusal.protocol = refused.protocol();
  return refusal;
}

SecretSeed derive_curve_seed(const StoreSecret& secret) {
  const Hash derived = blake2b_keyed(secret.view(), curve_label);
  return *SecretSeed::from_bytes(derived.view());
}

}  // namespace titan::mesh
