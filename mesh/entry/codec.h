// Between core structs and bytes. It is a port so that the core links no wire library; mesh/wire
// implements it.
//
// Pure: same input, same output, no state that a caller could see; may be shared by threads.
// Decoders take whatever a peer or a disk holds and answer with an error, never with a crash.
#pragma once

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/result.h"
#include "mesh/entry/entry.h"
#include "mesh/messages.h"

namespace titan::mesh {

class Codec {
 public:
  virtual ~Codec() = default;
  virtual Bytes encode_message(const Message& message) const = 0;
  // `corrupt` names the field that cannot be what it claims; `unsupported` is a kind of frame that
  // a newer version sent and this one may ignore.
  virtual Result<Message> decode_message(BytesView frame) const = 0;
  virtual Bytes encode_opening(const JournalOpening& opening) const = 0;
  virtual Bytes encode_envelope(const Envelope& envelope) const = 0;
  virtual Bytes encode_signed_entry(BytesView envelope_bytes, const Signature& signature) const = 0;
  // Checks sizes and shape, not the signature: see mesh/entry/verify.h.
  virtual Result<Entry> decode_entry(BytesView bytes) const = 0;
  virtual Bytes encode_watermark_statement(const WatermarkStatement& statement) const = 0;
  virtual Result<WatermarkStatement> decode_watermark_statement(BytesView bytes) const = 0;
};

}  // namespace titan::mesh
