// What the cloud's signature on a watermark covers.
#pragma once

#include "base/bytes.h"
#include "base/crypto.h"
#include "mesh/entry/codec.h"
#include "mesh/messages.h"

namespace titan::mesh {

// No other signature begins with this, so none can be passed off as a watermark's.
inline constexpr BytesView watermark_domain = "titan-watermark-2";

// The domain followed by the serialised statement.
inline Bytes watermark_signed_part(BytesView statement) {
  return Bytes(watermark_domain).append(statement);
}

// Whether the cloud with this key signed it, and says so itself.
[[nodiscard]] inline bool watermark_verifies(const Watermark& watermark,
                                             const PublicKey& cloud_key) {
  return watermark.cloud_key == cloud_key &&
         verify(cloud_key, watermark_signed_part(watermark.statement), watermark.signature);
}

inline Watermark sign_watermark(const Codec& codec, const KeyPair& cloud_key,
                                const WatermarkStatement& statement) {
  Watermark watermark;
  watermark.statement = codec.encode_watermark_statement(statement);
  watermark.signature = sign(cloud_key, watermark_signed_part(watermark.statement));
  watermark.cloud_key = cloud_key.public_key;
  return watermark;
}

}  // namespace titan::mesh
