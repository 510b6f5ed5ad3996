#include "common/os/inherited_sockets.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace inout {
namespace {

/// An option of a socket that is a number; -1: it has none such.
int option(int fd, int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

/// Where a socket listens for streams; nothing: it does not.
std::optional<sockaddr_storage> place_of(int fd) {
    if (option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1) return std::nullopt;
    if (option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM) return std::nullopt;
    sockaddr_storage place{};
    socklen_t size = sizeof place;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&place), &size) != 0) return std::nullopt;
    return place;
}

/// Not of another protocol than the sockets that we make, such as Multipath TCP.
bool is_tcp(int fd) { return option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP; }

bool takes_only_ipv6(int fd) { return option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1; }

template <class Address>
Address as(const void* bytes) {
    Address address{};
    std::memcpy(&address, bytes, sizeof address);
    return address;
}

bool is_all_of_ipv6(const sockaddr_storage& place) {
    if (place.ss_family != AF_INET6) return false;
    const auto address = as<sockaddr_in6>(&place);
    return std::memcmp(&address.sin6_addr, &in6addr_any, sizeof in6addr_any) == 0;
}

/// The same host; the ports are written to `has` and `wants`.
bool is_same_host(const sockaddr_storage& place, const sockaddr& wanted, in_port_t& has,
                  in_port_t& wants) {
    if (place.ss_family != wanted.sa_family) return false;
    if (place.ss_family == AF_INET) {
        const auto a = as<sockaddr_in>(&place), b = as<sockaddr_in>(&wanted);
        has = a.sin_port;
        wants = b.sin_port;
        return a.sin_addr.s_addr == b.sin_addr.s_addr;
    }
    if (place.ss_family != AF_INET6) return false;
    const auto a = as<sockaddr_in6>(&place), b = as<sockaddr_in6>(&wanted);
    has = a.sin6_port;
    wants = b.sin6_port;
    return a.sin6_scope_id == b.sin6_scope_id &&
           std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
}

/// A number that a variable holds; 0: none.
int number_in(const char* variable) {
    const char* const text = std::getenv(variable);
    int number = 0;
    if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
    return number;
}

}  // namespace

void InheritedSockets::add(NamedDescriptor socket) { sockets_.push_back(std::move(socket)); }

void InheritedSockets::add_activated() {
    constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
    const int count = number_in("LISTEN_PID") == ::getpid() ? number_in("LISTEN_FDS") : 0;
    const char* const text = std::getenv("LISTEN_FDNAMES");
    std::string_view names = text != nullptr ? text : "";
    for (int fd = kFirst; fd < kFirst + count; ++fd) {
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
        const std::string_view name = names.substr(0, names.find(':'));
        names.remove_prefix(std::min(names.size(), name.size() + 1));
        add({std::string(name), UniqueFd(fd)});
        of_manager_ = true;
    }
    for (const char* const variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
        ::unsetenv(variable);
    }
}

UniqueFd InheritedSockets::take(const sockaddr& address, std::string_view name) {
    for (auto& [its_name, fd] : sockets_) {
        const auto place = fd ? place_of(fd.get()) : std::nullopt;
        in_port_t has = 0, wants = 0;
        if (!place || !is_same_host(*place, address, has, wants) || !is_tcp(fd.get())) continue;
        if (wants == 0 ? its_name != name || name.empty() : has != wants) continue;
        if (is_all_of_ipv6(*place) && takes_only_ipv6(fd.get())) continue;
        return std::move(fd);
    }
    return {};
}

InheritedSocket InheritedSockets::take(const std::string& path) {
    for (auto& [name, fd] : sockets_) {
        const auto place = fd ? place_of(fd.get()) : std::nullopt;
        if (!place || place->ss_family != AF_UNIX) continue;
        const auto its = as<sockaddr_un>(&*place);
        if (path == std::string_view(its.sun_path, ::strnlen(its.sun_path, sizeof its.sun_path))) {
            return {std::move(fd), of_manager_ || name.starts_with(kOfManager)};
        }
    }
    return {};
}

std::string InheritedSockets::word(std::string_view begin) const {
    for (const auto& [text, fd] : sockets_) {
        if (!fd && text.starts_with(begin)) return text.substr(begin.size());
    }
    return {};
}

std::vector<std::string> InheritedSockets::close_rest() {
    std::vector<std::string> names;
    for (const auto& [name, fd] : sockets_) {
        if (fd) names.push_back(name.empty() ? "without a name" : name);
    }
    sockets_.clear();
    return names;
}

InheritedSockets& inherited_sockets() {
    static InheritedSockets sockets;
    return sockets;
}

}  // namespace inout
