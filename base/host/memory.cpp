#include "base/host/memory.h"

#include <malloc.h>

namespace titan {

namespace {
// Falls: more calls into the system for frames and bodies of a usual size.
constexpr int large_block_bytes = 256 * 1024;
}  // namespace

void give_back_large_blocks() {
  ::mallopt(M_MMAP_THRESHOLD, large_block_bytes);
  ::mallopt(M_TRIM_THRESHOLD, 2 * large_block_bytes);
}

}  // namespace titan
