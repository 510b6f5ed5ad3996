// Preloaded into a program by tests/issues/test_memory.py: allocations fail at random.
//
// INOUT_FAILING_MALLOC names a file of eight bytes, which the test writes while the program runs:
// one allocation in so many fails (0: none). The random numbers are each thread's own, from a fixed
// seed.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

const volatile std::uint64_t* one_in = nullptr;

__attribute__((constructor)) void map_the_file() {
    const char* const path = std::getenv("INOUT_FAILING_MALLOC");
    const int file = path != nullptr ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void* const page = ::mmap(nullptr, sizeof *one_in, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) one_in = static_cast<const std::uint64_t*>(page);
    ::close(file);
}

bool fails() {
    if (one_in == nullptr || *one_in == 0) return false;
    static thread_local std::uint64_t state = 88'172'645'463'325'252;
    state ^= state << 13U;  // xorshift (Marsaglia 2003)
    state ^= state >> 7U;
    state ^= state << 17U;
    if (state % *one_in != 0) return false;
    errno = ENOMEM;
    return true;
}

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// The C++ library's operators new take their memory from these. calloc, which dlsym(3) itself may
// call, is left alone.
extern "C" void* malloc(std::size_t size) {
    static const auto real = next<void* (*)(std::size_t)>("malloc");
    return fails() ? nullptr : real(size);
}

extern "C" void* realloc(void* memory, std::size_t size) {
    static const auto real = next<void* (*)(void*, std::size_t)>("realloc");
    return fails() ? nullptr : real(memory, size);
}

extern "C" int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
    static const auto real = next<int (*)(void**, std::size_t, std::size_t)>("posix_memalign");
    return fails() ? ENOMEM : real(memory, alignment, size);
}
