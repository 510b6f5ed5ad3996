// SignalsBlocked: no signal is handled on this thread while this lives, nor ever on a thread that
// is made meanwhile, which inherits the mask.
//
// Threads that are made before the programs take their signals through a descriptor need it: a
// signal that one thread does not block ends the process at once.
#pragma once

#include <signal.h>

namespace inout {

class SignalsBlocked {
  public:
    SignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, &before_);
    }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t before_{};
};

/// Whether a signal that ends the program is blocked and waits to be taken: whoever keeps the main
/// thread waiting at the start looks now and then.
inline bool is_end_pending() {
    sigset_t pending;
    return ::sigpending(&pending) == 0 &&
           (::sigismember(&pending, SIGTERM) == 1 || ::sigismember(&pending, SIGINT) == 1 ||
            ::sigismember(&pending, SIGQUIT) == 1);
}

}  // namespace inout
