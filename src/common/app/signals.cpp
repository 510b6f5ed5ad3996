#include "common/app/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace inout {

Signals::Signals(const Executor& executor, std::initializer_list<int> numbers,
                 std::function<void(int)> handle)
    : descriptor_(executor), handle_(std::move(handle)) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : numbers) ::sigaddset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    descriptor_.assign(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

void Signals::wait() {
    descriptor_.async_wait(Descriptor::wait_read, [this](std::error_code error) {
        if (error) return;
        signalfd_siginfo info;
        while (::read(descriptor_.native_handle(), &info, sizeof info) == sizeof info) {
            handle_(static_cast<int>(info.ssi_signo));
        }
        wait();
    });
}

}  // namespace inout
