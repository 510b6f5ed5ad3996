// The memory reserve: what is given up, block by block, when memory runs out, so that what has
// begun can be ended properly. Part of it happens where an exception may not pass (asio hands the
// end of a coroutine over in memory of its own).
//
// While it is not full nothing new is begun. One per process; any thread.
#pragma once

namespace inout {

/// From now on operator new takes from the reserve before it fails (std::set_new_handler).
void keep_memory_reserve();

/// Fills it up again. False: there is still too little memory, and nothing new should be begun.
bool refill_memory_reserve();

}  // namespace inout
