// Codecs that differ from the product's: a terminal that speaks version N+1, and the planted bugs
// that live in how bytes are made and read. The core never knows.
#pragma once

#include <memory>
#include <optional>

#include "mesh/wire/wire_codec.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

// One field more in every envelope and frame than this version knows.
class NextVersionCodec : public mesh::Codec {
 public:
  Bytes encode_message(const mesh::Message& message) const override;
  Result<mesh::Message> decode_message(BytesView frame) const override {
    return codec_.decode_message(frame);
  }
  Bytes encode_opening(const mesh::JournalOpening& opening) const override {
    return codec_.encode_opening(opening);
  }
  Bytes encode_envelope(const mesh::Envelope& envelope) const override;
  Bytes encode_signed_entry(BytesView envelope_bytes, const Signature& signature) const override {
    return codec_.encode_signed_entry(envelope_bytes, signature);
  }
  Result<mesh::Entry> decode_entry(BytesView bytes) const override {
    return codec_.decode_entry(bytes);
  }
  Bytes encode_watermark_statement(const mesh::WatermarkStatement& statement) const override {
    return codec_.encode_watermark_statement(statement);
  }
  Result<mesh::WatermarkStatement> decode_watermark_statement(BytesView bytes) const override {
    return codec_.decode_watermark_statement(bytes);
  }

 private:
  mesh::WireCodec codec_;
};

// What a terminal with a planted bug makes of bytes; everything else goes to `codec`.
class FaultyCodec : public mesh::Codec {
 public:
  FaultyCodec(const mesh::Codec& codec, PlantedBug bug) : codec_(codec), bug_(bug) {}

  Bytes encode_message(const mesh::Message& message) const override;
  Result<mesh::Message> decode_message(BytesView frame) const override;
  Bytes encode_opening(const mesh::JournalOpening& opening) const override {
    return codec_.encode_opening(opening);
  }
  Bytes encode_envelope(const mesh::Envelope& envelope) const override {
    return codec_.encode_envelope(envelope);
  }
  Bytes encode_signed_entry(BytesView envelope_bytes, const Signature& signature) const override {
    return codec_.encode_signed_entry(envelope_bytes, signature);
  }
  Result<mesh::Entry> decode_entry(BytesView bytes) const override;
  Bytes encode_watermark_statement(const mesh::WatermarkStatement& statement) const override {
    return codec_.encode_watermark_statement(statement);
  }
  Result<mesh::WatermarkStatement> decode_watermark_statement(BytesView bytes) const override {
    return codec_.decode_watermark_statement(bytes);
  }

 private:
  const mesh::Codec& codec_;
  const PlantedBug bug_;
  mutable std::optional<election::Token> first_leader_;  // deaf_ears: the only one it listens to
};

// The first bytes of every frame of this kind that this version writes: most are told apart by
// them.
Bytes frame_start(const mesh::Message& kind);

// A frame of a kind that this version does not know, as N+1 sends one now and then.
Bytes unknown_message();

}  // namespace titan::simulations
