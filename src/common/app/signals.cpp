#include "common/app/signals.hpp"

#include <new>

#include "common/app/worker.hpp"
#include "common/base/log.hpp"
#include "common/os/signals.hpp"

namespace inout {

Signals::Signals(const Executor& executor, std::vector<int> numbers,
                 std::function<void(int)> handle)
    : descriptor_(executor), numbers_(std::move(numbers)), handle_(std::move(handle)) {}

void Signals::start() {
    descriptor_.assign(signals_as_descriptor(numbers_).release());
    wait();
}

void Signals::wait() try {
    descriptor_.async_wait(Descriptor::wait_read, [this](std::error_code error) {
        if (error) return;
        while (const int number = take_signal(descriptor_.native_handle())) {
            try {
                handle_(number);
            } catch (const std::bad_alloc&) {
                log::lose_line();
            }
        }
        wait();
    });
} catch (const std::bad_alloc&) {
    // Deaf to signals for ever would be worse: a supervisor starts the program again.
    can_not_go_on("signals", "out of memory");
}

}  // namespace inout
