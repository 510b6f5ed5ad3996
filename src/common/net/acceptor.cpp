#include "common/net/acceptor.hpp"

#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "common/base/log.hpp"
#include "common/base/memory_reserve.hpp"

namespace inout {
namespace {

/// The kernel hands out the lowest free descriptor, so its number tells how full the table is.
bool nearly_out_of_descriptors(int fd) {
    static const rlim_t limit = [] {
        rlimit value{};
        ::getrlimit(RLIMIT_NOFILE, &value);
        return value.rlim_cur;
    }();
    return static_cast<rlim_t>(fd) + kReservedDescriptors >= limit;
}

Result<Endpoint, std::string> first_endpoint(const HostPort& address) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* list = nullptr;
    if (const int error = ::getaddrinfo(address.host.c_str(), nullptr, &hints, &list); error != 0) {
        return Failure{std::string(::gai_strerror(error))};
    }
    Endpoint endpoint;
    std::memcpy(endpoint.data(), list->ai_addr, list->ai_addrlen);
    endpoint.resize(list->ai_addrlen);
    endpoint.port(address.port);
    ::freeaddrinfo(list);
    return endpoint;
}

}  // namespace

Result<Endpoint, std::string> Acceptor::listen(const HostPort& address) {
    auto endpoint = first_endpoint(address);
    const std::string place = "cannot listen on " + to_string(address) + ": ";
    if (!endpoint) return Failure{place + endpoint.error()};
    std::error_code error;
    socket_.open(endpoint->protocol(), error);
    if (!error) socket_.set_option(ListenSocket::reuse_address(true), error);
    if (!error && endpoint->address() == asio::ip::address_v6::any()) {
        socket_.set_option(asio::ip::v6_only(false), error);
    }
    if (!error) socket_.bind(*endpoint, error);
    if (!error) {
        set_connection_options(socket_.native_handle());
        set_keepalive(socket_.native_handle());
        socket_.native_non_blocking(true, error);
    }
    if (!error) socket_.listen(kListenBacklog, error);
    if (error) return Failure{place + error.message()};
    return socket_.local_endpoint();
}

Task<std::optional<Connection>> Acceptor::accept(asio::io_context& context) {
    while (socket_.is_open()) {
        Endpoint peer;
        auto size = static_cast<socklen_t>(peer.capacity());
        const bool others_are_due = accepted_in_turn_ == kAcceptsInTurn;
        const int fd = others_are_due ? -1
                                      : ::accept4(socket_.native_handle(), peer.data(), &size,
                                                  SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (others_are_due || (fd < 0 && errno == EAGAIN)) {
            accepted_in_turn_ = 0;
            co_await socket_.async_wait(ListenSocket::wait_read, use_result);
            continue;
        }
        int error = fd < 0 ? errno : 0;
        ++accepted_in_turn_;
        if (fd >= 0 && nearly_out_of_descriptors(fd)) {
            ::close(fd);
            error = EMFILE;
        }
        if (error == 0 && !refill_memory_reserve()) {
            ::close(fd);
            error = ENOMEM;
        }
        if (error == 0) {
            peer.resize(size);
            if (exhausted_ && Clock::now() - *exhausted_ >= kAcceptQuiet) {
                log::info("accepting again");
                exhausted_.reset();
            }
            co_return Connection(context.get_executor(), fd, peer, Connection::Origin::accepted);
        }
        const std::error_code cause(error, asio::error::get_system_category());
        if (!out_of_resources(cause)) continue;  // that client left before it was accepted
        if (!exhausted_) log::error("accepting paused", {{"reason", cause.message()}});
        exhausted_ = Clock::now();
        pause_.expires_after(kAcceptPause);
        co_await pause_.async_wait(use_result);
    }
    co_return std::nullopt;
}

void Acceptor::close() {
    std::error_code ignored;
    socket_.close(ignored);
    pause_.cancel();
}

}  // namespace inout
