// The heap of the C library. Any thread.
#pragma once

namespace inout {

/// From now on a block of 64 KiB or more goes back to the system as soon as it is freed. By itself
/// the library takes such blocks from its heap once it has seen one freed (mallopt(3),
/// M_MMAP_THRESHOLD), and that shrinks at its end only: of 300 streams that had rested it kept all.
void give_back_large_blocks();

}  // namespace inout
