#include "common/net/local_address.hpp"

#include <cstring>

#include "common/os/socket.hpp"

namespace inout {
namespace {

using AnyAddress = asio::ip::address;

/// An IPv4-mapped address is its IPv4 address.
AnyAddress unmapped(const AnyAddress& address) {
    if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

/// Whom a dial reaches: the unspecified address is the machine itself (ip(7)).
AnyAddress dialled(const AnyAddress& address) {
    AnyAddress plain = unmapped(address);
    if (!plain.is_unspecified()) return plain;
    if (plain.is_v4()) return asio::ip::address_v4::loopback();
    return asio::ip::address_v6::loopback();
}

Endpoint endpoint_of(int fd, bool (*address_of)(int, sockaddr&, std::size_t&)) {
    Endpoint found;
    std::size_t size = found.capacity();
    if (!address_of(fd, *found.data(), size) || size > found.capacity()) return {};
    const int family = found.data()->sa_family;
    if (family != AF_INET && family != AF_INET6) return {};
    found.resize(size);
    return found;
}

bool is_of_this_machine(const AnyAddress& address) {
    if (address.is_loopback()) return true;
    bool found = false;
    for_each_own_address([&](const sockaddr& own, std::size_t size) {
        Endpoint endpoint;
        std::memcpy(endpoint.data(), &own, size);
        endpoint.resize(size);
        found = found || endpoint.address() == address;
    });
    return found;
}

}  // namespace

Endpoint own_endpoint(int fd) { return endpoint_of(fd, own_address); }

Endpoint far_endpoint(int fd) { return endpoint_of(fd, far_address); }

bool would_reach(const Endpoint& target, const Endpoint& listening) {
    if (target.port() == 0 || target.port() != listening.port()) return false;
    const AnyAddress to = dialled(target.address());
    const AnyAddress at = unmapped(listening.address());
    if (to == at) return true;
    if (!at.is_unspecified() || (at.is_v4() && to.is_v6())) return false;
    return is_of_this_machine(to);
}

}  // namespace inout
