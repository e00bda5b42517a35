// The codec of the mesh in protobuf: frames and entries of proto/mesh.proto and proto/entry.proto.
//
// Stateless and safe to share between threads. Output is deterministic: the same value gives the
// same bytes. An entry's bytes are kept as they came, so fields and kinds that this version does
// not know survive storing and relaying.
//
// Making one switches off the protobuf library's own complaints on standard error: what is wrong
// with a peer's bytes is in the Result.
#pragma once

#include "mesh/entry/codec.h"

namespace titan::mesh {

class WireCodec final : public Codec {
 public:
  WireCodec();

  Bytes encode_message(const Message& message) const override;
  Result<Message> decode_message(BytesView frame) const override;
  Bytes encode_opening(const JournalOpening& opening) const override;
  Bytes encode_envelope(const Envelope& envelope) const override;
  Bytes encode_signed_entry(BytesView envelope_bytes, const Signature& signature) const override;
  Result<Entry> decode_entry(BytesView bytes) const override;
  Bytes encode_watermark_statement(const WatermarkStatement& statement) const override;
  Result<WatermarkStatement> decode_watermark_statement(BytesView bytes) const override;
};

}  // namespace titan::mesh
