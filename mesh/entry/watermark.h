// What the cloud's signature on a watermark covers.
#pragma once

#include "base/bytes.h"

namespace titan::mesh {

// No other signature begins with this, so none can be passed off as a watermark's.
inline constexpr BytesView watermark_domain = "titan-watermark-1";

// The domain followed by the serialised vector.
inline Bytes watermark_signed_part(BytesView vector_bytes) {
  return Bytes(watermark_domain).append(vector_bytes);
}

}  // namespace titan::mesh
