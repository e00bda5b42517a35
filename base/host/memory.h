// Memory that was taken for something large goes back to the system when it is freed.
#pragma once

namespace titan {

// At the start of a program. glibc raises the size from which it maps a block on its own to that of
// the largest one freed so far (up to 32 MB); blocks below it come out of heaps that grow and
// seldom shrink. So one burst of megabytes (frames, bodies of requests) would be kept for ever.
void give_back_large_blocks();

}  // namespace titan
