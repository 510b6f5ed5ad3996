#include "common/os/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <initializer_list>

namespace inout {

void open_standard_descriptors() {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        // The lowest free number is what open(2) takes: this one.
        if (::fcntl(standard, F_GETFD) < 0) (void)::open("/dev/null", O_RDWR);
    }
}

void forbid_dumps() {
    const rlimit nothing{0, 0};
    ::setrlimit(RLIMIT_CORE, &nothing);
    ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace inout
