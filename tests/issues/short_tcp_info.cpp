// Preloaded into the programs by the ctest e2e/ends-short-tcp-info: the kernel tells of a TCP
// connection no more than qemu-user does, its first four bytes.
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

extern "C" int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    using Call = int (*)(int, int, int, void*, socklen_t*);
    static const auto call = reinterpret_cast<Call>(::dlsym(RTLD_NEXT, "getsockopt"));
    if (level == IPPROTO_TCP && name == TCP_INFO) *size = std::min<socklen_t>(*size, 4);
    return call(fd, level, name, value, size);
}
