#include "common/base/counters.hpp"

#include <algorithm>
#include <new>

namespace inout {
namespace detail {
namespace {

/// For what is counted when a thread's own are gone, at its very end, or could not be had. Threads
/// may meet here, and then lose a count.
constinit CounterCells last_cells;
constinit std::atomic<CounterCells*> all_cells{&last_cells};

CounterCells* free_cells() {
    for (auto* each = all_cells.load(std::memory_order_acquire); each != nullptr;
         each = each->next) {
        if (!each->taken.exchange(true, std::memory_order_acquire)) return each;
    }
    return nullptr;
}

CounterCells* new_cells() {
    auto* const made = new (std::nothrow) CounterCells;
    if (made == nullptr) return nullptr;
    made->next = all_cells.load(std::memory_order_relaxed);
    while (!all_cells.compare_exchange_weak(made->next, made, std::memory_order_release,
                                            std::memory_order_relaxed)) {
    }
    return made;
}

/// Gives a thread's cells back when it ends.
struct CellsOfThread {
    CounterCells* cells = nullptr;
    ~CellsOfThread() {
        if (cells == nullptr) return;
        counter_cells = &last_cells;
        cells->taken.store(false, std::memory_order_release);
    }
};
thread_local CellsOfThread cells_of_thread;

}  // namespace

CounterCells& take_counter_cells() noexcept {
    CounterCells* cells = free_cells();
    if (cells == nullptr) cells = new_cells();
    if (cells == nullptr) return last_cells;  // the next count tries again
    cells_of_thread.cells = cells;
    counter_cells = cells;
    return *cells;
}

}  // namespace detail

std::size_t Counter::load() const noexcept {
    std::int64_t sum = 0;
    for (const auto* each = detail::all_cells.load(std::memory_order_acquire); each != nullptr;
         each = each->next) {
        sum += each->values[index_].load(std::memory_order_acquire);
    }
    // An end may be seen without its beginning.
    return static_cast<std::size_t>(std::max<std::int64_t>(sum, 0));
}

}  // namespace inout
