#include "common/os/heap.hpp"

#include <malloc.h>

namespace inout {

void give_back_large_blocks() { ::mallopt(M_MMAP_THRESHOLD, 65'536); }

}  // namespace inout
