#include "common/base/memory_reserve.hpp"

#include <array>
#include <atomic>
#include <cstddef>
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

bool give_up_a_block() {
    const std::lock_guard lock(reserve.mutex);
    if (reserve.count == 0) return false;
    std::free(reserve.blocks[--reserve.count]);
    return true;
}

void on_no_memory() {
    if (!give_up_a_block()) throw std::bad_alloc();
}

}  // namespace

void keep_memory_reserve() {
    reserve.kept = true;
    (void)refill_memory_reserve();
    std::set_new_handler(on_no_memory);
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

/// In place of the C library's. asio takes the memory of its operations from here, which asks no
/// new handler; and an operation that finds none ends the process, because the coroutine that it
/// was for can not be unwound then (asio 1.22, awaitable_thread's destructor).
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    while (true) {
        void* memory = nullptr;
        if (alignment <= alignof(std::max_align_t)) {
            // As malloc gives it, and much sooner: glibc 2.36 keeps what was freed ready for that
            // alone. A stream needs some twenty blocks from here.
            memory = std::malloc(size);
            if (memory != nullptr) return memory;
        } else if (::posix_memalign(&memory, alignment, size) == 0) {
            return memory;
        }
        if (!inout::give_up_a_block()) return nullptr;
    }
}
