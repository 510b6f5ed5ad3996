#include "common/os/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "common/os/unique_fd.hpp"

namespace inout {
namespace {

std::string_view variable(const char* name) {
    const char* const text = std::getenv(name);
    return text != nullptr ? text : "";
}

}  // namespace

bool has_service_manager() { return !variable("NOTIFY_SOCKET").empty(); }

bool is_watched_by_manager() {
    // How often is not looked at: it is told each second.
    const std::string_view pid = variable("WATCHDOG_PID");
    const bool is_meant = pid.empty() || pid == std::to_string(::getpid());
    return has_service_manager() && is_meant && !variable("WATCHDOG_USEC").empty();
}

void tell_service_manager(std::string_view state) {
    const std::string_view path = variable("NOTIFY_SOCKET");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) return;
    std::copy(path.begin(), path.end(), address.sun_path);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // an abstract one
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto size = offsetof(sockaddr_un, sun_path) + path.size();
    (void)::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
}

}  // namespace inout
