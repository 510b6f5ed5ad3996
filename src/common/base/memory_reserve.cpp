#include "common/base/memory_reserve.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>

#include "common/base/limits.hpp"

namespace inout {
namespace {

struct Reserve {
    std::mutex mutex;
    std::array<void*, kReserveBlocks> blocks{};  // under the lock
    std::atomic<std::size_t> count{0};           // written under the lock
    std::atomic<bool> kept{false};
};

constinit Reserve reserve;

void give_up_a_block() {
    const std::lock_guard lock(reserve.mutex);
    if (reserve.count == 0) throw std::bad_alloc();
    std::free(reserve.blocks[--reserve.count]);
}

}  // namespace

void keep_memory_reserve() {
    reserve.kept = true;
    (void)refill_memory_reserve();
    std::set_new_handler(give_up_a_block);
}

bool refill_memory_reserve() {
    if (!reserve.kept || reserve.count == kReserveBlocks) return true;
    const std::lock_guard lock(reserve.mutex);
    while (reserve.count < kReserveBlocks) {
        // Not by operator new, which would take from the reserve what it needs for it.
        void* const block = std::malloc(kReserveBlockBytes);
        if (block == nullptr) return false;
        reserve.blocks[reserve.count++] = block;
    }
    return true;
}

}  // namespace inout
