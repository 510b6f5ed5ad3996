#include "common/net/acceptor.hpp"

#include <cerrno>

#include "common/base/log.hpp"
#include "common/base/memory_reserve.hpp"
#include "common/os/descriptors.hpp"
#include "common/os/inherited_sockets.hpp"
#include "common/os/socket.hpp"

namespace inout {
namespace {

/// The kernel hands out the lowest free descriptor, so its number tells how full the table is.
bool nearly_out_of_descriptors(int fd) {
    static const std::size_t limit = descriptor_limit();
    return static_cast<std::size_t>(fd) + kReservedDescriptors >= limit;
}

/// accept(2) says these of one client that is gone or not wanted, not of the listener.
bool is_of_one_client(int error) {
    switch (error) {
        case ECONNABORTED:
        case EINTR:
        case EPERM:  // a firewall's rule
        case EPROTO:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH: return true;
        default: return false;
    }
}

/// A name may have an address that this machine lacks: ::1 where IPv6 is switched off. All
/// addresses are those of IPv4 then.
bool is_not_of_this_machine(const std::error_code& error) {
    return error.value() == EADDRNOTAVAIL || error.value() == EAFNOSUPPORT;
}

bool is_in_use(const std::error_code& error) { return error.value() == EADDRINUSE; }

/// What can be done about it, behind the system's own words; nothing where these say enough.
const char* advice_on(const std::error_code& error) {
    if (is_in_use(error)) return "; \"ss -ltnp\" shows which program has it";
    if (error.value() == EADDRNOTAVAIL) {
        return "; no interface of this machine has it (\"ip addr\" lists those that do)";
    }
    if (error.value() == EACCES) return "; ports below 1024 need CAP_NET_BIND_SERVICE";
    return "";
}

/// How often the kernel is asked for another port that is free at all addresses of a name.
constexpr int kPortChoices = 8;

}  // namespace

Result<std::vector<Endpoint>, std::string> Acceptor::listen(const HostPort& address,
                                                            const Resolved& resolved,
                                                            const std::string& name) {
    name_ = name;
    const std::string place = "cannot listen on " + to_string(address) + ": ";
    if (resolved.endpoints.empty()) return Failure{place + resolved.error};
    std::vector<Endpoint> places;
    auto error = add_all(resolved.endpoints, places);
    // A port that the kernel chose may be taken at the next address.
    for (int again = 0; again < kPortChoices && address.port == 0 && is_in_use(error); ++again) {
        listening_.clear();
        places.clear();
        error = add_all(resolved.endpoints, places);
    }
    const bool all = address.host == kAllAddresses;
    if (places.empty() && all && is_not_of_this_machine(error)) {
        error = add(Endpoint(asio::ip::tcp::v4(), address.port));
        if (!error) places.push_back(listening_.back()->socket.local_endpoint());
    }
    if (places.empty() || (error && !is_not_of_this_machine(error))) {
        close();
        return Failure{place + error.message() + advice_on(error)};
    }
    return places;
}

std::error_code Acceptor::add_all(const std::vector<Endpoint>& endpoints,
                                  std::vector<Endpoint>& places) {
    std::error_code error;
    for (Endpoint endpoint : endpoints) {
        // The kernel chose the first one's port.
        if (!places.empty()) endpoint.port(places.front().port());
        error = add(endpoint);
        if (error && !is_not_of_this_machine(error)) break;
        if (!error) places.push_back(listening_.back()->socket.local_endpoint());
    }
    return error;
}

std::error_code Acceptor::add(const Endpoint& endpoint) {
    auto listening = std::make_shared<Listening>(context_, *this);
    ListenSocket& socket = listening->socket;
    UniqueFd fd = inherited_sockets().take(*endpoint.data(), name_);
    const bool is_inherited = static_cast<bool>(fd);
    if (!is_inherited) fd = make_listen_socket(endpoint.protocol().family());
    if (!fd) return {errno, asio::error::get_system_category()};
    std::error_code error;
    socket.assign(endpoint.protocol(), fd.get(), error);
    if (!error) (void)fd.release();
    if (!error && !is_inherited) error = bind(socket, endpoint);
    if (!error) {
        set_connection_options(socket.native_handle());
        set_keepalive(socket.native_handle(), keepalive_times(0.5, 0.5));
        socket.native_non_blocking(true, error);
    }
    if (!error) socket.listen(kListenBacklog, error);
    if (!error) listening_.push_back(std::move(listening));
    return error;
}

std::error_code Acceptor::bind(ListenSocket& socket, const Endpoint& endpoint) {
    std::error_code error;
    socket.set_option(ListenSocket::reuse_address(true), error);
    if (!error && endpoint.address() == asio::ip::address_v6::any()) {
        socket.set_option(asio::ip::v6_only(false), error);
    }
    if (!error) socket.bind(endpoint, error);
    return error;
}

std::error_code Acceptor::copy_sockets(std::vector<NamedDescriptor>& sockets) const {
    for (const auto& listening : listening_) {
        UniqueFd copy = copy_of(listening->socket.native_handle());
        if (!copy) return {errno, std::generic_category()};
        sockets.push_back({name_, std::move(copy)});
    }
    return {};
}

void Acceptor::adopt(UniqueFd listening, const std::string& name) {
    name_ = name;
    auto adopted = std::make_shared<Listening>(context_, *this);
    // Its protocol is told to asio only, which asks nothing of it but whether it is readable.
    adopted->socket.assign(Tcp::v4(), listening.get());
    (void)listening.release();
    adopted->socket.native_non_blocking(true);
    listening_.push_back(std::move(adopted));
}

Task<ConnectionPtr> Acceptor::accept(asio::io_context& context) {
    while (is_open()) {
        if (pause_is_due_) {
            co_await pause();
            continue;  // closed meanwhile?
        }
        Endpoint peer;
        int error = EAGAIN;
        UniqueFd fd = held_ || turn_of_worker_.is_over() ? UniqueFd() : accept_any(peer, error);
        if (!fd && error == EAGAIN) {
            turn_of_worker_ = Turn();
            if (!held_) {
                for (const auto& listening : listening_) wait_for(listening);
            }
            readable_.expires_at(Timer::time_point::max());
            co_await readable_.async_wait(use_result);
            continue;
        }
        turn_of_worker_.spend(Turn::kAccept);
        if (fd && reserve_ == Reserve::keep && nearly_out_of_descriptors(fd.get())) {
            fd = UniqueFd();
            error = EMFILE;
        }
        if (fd && !refill_memory_reserve()) {
            fd = UniqueFd();
            error = ENOMEM;
        }
        if (fd) {
            note_success();
            if (peer.data()->sa_family != AF_UNIX) {
                co_return std::make_shared<Connection>(context.get_executor(), std::move(fd), peer,
                                                       Connection::Origin::accepted);
            }
            set_connection_options(fd.get());  // which these do not inherit
            co_return std::make_shared<Connection>(context.get_executor(), std::move(fd),
                                                   Endpoint(), Connection::Origin::accepted_local);
        }
        if (is_of_one_client(error) && ++refused_in_a_row_ < kRefusedInARow) continue;
        refused_in_a_row_ = 0;
        pause_for(std::error_code(error, asio::error::get_system_category()).message());
    }
    co_return nullptr;
}

/// The connection, or nothing with `error`; EAGAIN: nobody waits at any address.
UniqueFd Acceptor::accept_any(Endpoint& peer, int& error) {
    for (std::size_t i = 0; i < listening_.size(); ++i) {
        std::size_t size = peer.capacity();
        ListenSocket& socket = listening_[next_++ % listening_.size()]->socket;
        UniqueFd fd = accept_one(socket.native_handle(), *peer.data(), size);
        error = fd ? 0 : errno;
        // That of a UNIX socket may be longer: its kind is all that is made of it.
        if (fd && size <= peer.capacity()) peer.resize(size);
        if (error != EAGAIN) return fd;
    }
    return UniqueFd();
}

void Acceptor::wait_for(const std::shared_ptr<Listening>& listening) {
    if (listening->waiting) return;
    listening->socket.async_wait(ListenSocket::wait_read, [listening](std::error_code) {
        listening->waiting = false;
        if (listening->owner != nullptr) listening->owner->readable_.cancel();
    });
    listening->waiting = true;
}

void Acceptor::pause_for(const std::string& reason) {
    if (!exhausted_) log::error("accepting paused", {{"reason", reason}});
    exhausted_ = Clock::now();
    pause_is_due_ = true;
}

Task<> Acceptor::pause() {
    pause_is_due_ = false;
    pause_.expires_after(kAcceptPause);
    co_await pause_.async_wait(use_result);
}

void Acceptor::note_success() {
    refused_in_a_row_ = 0;
    if (exhausted_ && Clock::now() - *exhausted_ >= kAcceptQuiet) {
        log::info("accepting again");
        exhausted_.reset();
    }
}

void Acceptor::hold(bool held) {
    held_ = held;
    readable_.cancel();
}

void Acceptor::close() {
    for (const auto& listening : listening_) {
        std::error_code ignored;
        listening->owner = nullptr;
        listening->socket.close(ignored);
    }
    listening_.clear();
    readable_.cancel();
    pause_.cancel();
}

}  // namespace inout
