// What the cloud's signature on a watermark covers.
#pragma once

#include "base/bytes.h"
#include "base/crypto.h"
#include "mesh/messages.h"

namespace titan::mesh {

// No other signature begins with this, so none can be passed off as a watermark's.
inline constexpr BytesView watermark_domain = "titan-watermark-1";

// The domain followed by the serialised vector.
inline Bytes watermark_signed_part(BytesView vector_bytes) {
  return Bytes(watermark_domain).append(vector_bytes);
}

// Whether the cloud with this key signed it, and says so itself.
[[nodiscard]] inline bool watermark_verifies(const Watermark& watermark,
                                             const PublicKey& cloud_key) {
  return watermark.cloud_key == cloud_key &&
         verify(cloud_key, watermark_signed_part(watermark.vector_bytes), watermark.signature);
}

}  // namespace titan::mesh
