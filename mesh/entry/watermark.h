// What the cloud's signature on a watermark covers.
#pragma once

#include "base/bytes.h"

namespace titan::mesh {

// "titan-watermark-1" followed by the serialised vector.
inline Bytes watermark_signed_part(BytesView vector_bytes) {
  return Bytes("titan-watermark-1").append(vector_bytes);
}

}  // namespace titan::mesh
