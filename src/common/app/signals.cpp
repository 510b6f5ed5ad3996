#include "common/app/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <new>

#include "common/app/worker.hpp"
#include "common/base/log.hpp"

namespace inout {

Signals::Signals(const Executor& executor, std::vector<int> numbers,
                 std::function<void(int)> handle)
    : descriptor_(executor), numbers_(std::move(numbers)), handle_(std::move(handle)) {}

void Signals::start() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : numbers_) ::sigaddset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    descriptor_.assign(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    wait();
}

void Signals::wait() try {
    descriptor_.async_wait(Descriptor::wait_read, [this](std::error_code error) {
        if (error) return;
        signalfd_siginfo info;
        while (::read(descriptor_.native_handle(), &info, sizeof info) == sizeof info) {
            try {
                handle_(static_cast<int>(info.ssi_signo));
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

void ignore_meaningless_signals() {
    // PIPE: splice(2) has no MSG_NOSIGNAL. XFSZ: a log file at its limit costs lines only. TTOU: a
    // terminal that background jobs may not write to must not stop the program.
    for (const int number : {SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ, SIGTTOU, SIGTTIN, SIGALRM,
                             SIGVTALRM, SIGPROF, SIGPOLL, SIGPWR}) {
        ::signal(number, SIG_IGN);
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) ::signal(number, SIG_IGN);
}

}  // namespace inout
