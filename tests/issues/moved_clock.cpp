// A preloaded library that moves a program's wall clock while it runs: what CLOCK_REALTIME says is
// shifted by the seconds, a signed 64-bit number, in the file MOVED_CLOCK. Steady clocks and timers
// stay. Reads through a mapping, without locks, allocations or a start of its own, so that it may
// be called before a sanitizer's runtime is ready; libfaketime hangs there.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

std::int64_t shift() {
    static constinit std::atomic<const std::int64_t*> seconds{nullptr};
    const std::int64_t* mapped = seconds.load(std::memory_order_relaxed);
    if (mapped == nullptr) {
        const char* const path = std::getenv("MOVED_CLOCK");
        const int fd = path != nullptr ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
        void* const at = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
        if (fd >= 0) ::close(fd);
        if (at == MAP_FAILED) std::abort();
        mapped = static_cast<const std::int64_t*>(at);
        seconds.store(mapped, std::memory_order_relaxed);  // two at once would both be right
    }
    return *reinterpret_cast<const volatile std::int64_t*>(mapped);
}

}  // namespace

// The names that glibc's have: whoever is loaded first is called.
extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
    const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (result == 0 && wall) time->tv_sec += shift();
    return result;
}

time_t time(time_t* out) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != nullptr) *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(timeval* time, void*) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    *time = {now.tv_sec, now.tv_nsec / 1'000};
    return 0;
}
}
