#include "common/os/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace inout {

void ignore_meaningless_signals() {
    // PIPE: splice(2) has no MSG_NOSIGNAL. XFSZ: a log file at its limit costs lines only. TTOU: a
    // terminal that background jobs may not write to must not stop the program.
    for (const int number : {SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ, SIGTTOU, SIGTTIN, SIGALRM,
                             SIGVTALRM, SIGPROF, SIGPOLL, SIGPWR}) {
        ::signal(number, SIG_IGN);
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) ::signal(number, SIG_IGN);
}

UniqueFd signals_as_descriptor(const std::vector<int>& numbers) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : numbers) ::sigaddset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return UniqueFd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

int take_signal(int descriptor) {
    signalfd_siginfo info;
    if (::read(descriptor, &info, sizeof info) != sizeof info) return 0;
    return static_cast<int>(info.ssi_signo);
}

}  // namespace inout
