#include "common/net/connection.hpp"

#include <array>
#include <utility>

#include "common/base/random.hpp"
#include "common/os/socket_calls.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {
namespace {

SocketCalls& calls() { return SocketCalls::system(); }

}  // namespace
std::string to_string(const Endpoint& endpoint) {
    const std::string address = endpoint.address().to_string();
    const std::string port = std::to_string(endpoint.port());
    return endpoint.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port;
}

IpAddress to_ip_address(const Endpoint& endpoint) {
    const auto address = endpoint.address();
    const auto v6 = address.is_v6()
                        ? address.to_v6()
                        : asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4());
    return {v6.to_bytes()};
}

Connection::Connection(const Executor& executor, UniqueFd fd, const Endpoint& peer, Origin origin)
    : socket_(executor), peer_(peer), keeps_alive_(origin == Origin::accepted) {
    if (!fd) return;  // asio would keep for ever what it makes for a descriptor that epoll refuses
    std::error_code error;
    socket_.assign(peer.protocol(), fd.get(), error);
    if (!error) fd.release();
}

void Connection::secure(std::unique_ptr<TlsSession> session) {
    session->attach(is_open() ? fd() : -1, std::move(tls_));
    tls_ = std::move(session);
}

void Connection::secure(SslPtr ssl, std::string_view already_read) {
    secure(std::make_unique<TlsSession>(std::move(ssl), fd(), already_read));
}

Task<std::error_code> Connection::handshake() {
    while (true) {
        switch (tls_->handshake()) {
            case TlsSession::Handshake::done: co_return std::error_code{};
            case TlsSession::Handshake::failed: co_return tls_->last_error();
            case TlsSession::Handshake::wait: break;
        }
        const auto [error] = co_await socket_.async_wait(input_wait(), use_result);
        if (error) co_return error;
    }
}

ssize_t Connection::receive(std::span<char> into) {
    return tls_ ? tls_->read(into) : calls().recv(fd(), into.data(), into.size());
}

ssize_t Connection::send(std::string_view data) {
    return tls_ ? tls_->write(data) : calls().send(fd(), data.data(), data.size());
}

Socket::wait_type Connection::input_wait() const {
    return tls_ && tls_->read_wants_write() ? Socket::wait_write : Socket::wait_read;
}

Socket::wait_type Connection::output_wait() const {
    return tls_ && tls_->write_wants_read() ? Socket::wait_read : Socket::wait_write;
}

std::error_code Connection::last_error() const {
    if (tls_ && tls_->last_error()) return tls_->last_error();
    return {errno, asio::error::get_system_category()};
}

int Connection::shutdown_send() {
    return tls_ ? tls_->shutdown_send() : calls().shutdown_send(fd());
}

Task<std::error_code> Connection::write_all(std::string_view data) {
    while (!data.empty()) {
        const ssize_t n = send(data);
        if (n >= 0) {
            data.remove_prefix(static_cast<std::size_t>(n));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) co_return last_error();
        const auto [error] = co_await socket_.async_wait(output_wait(), use_result);
        if (error) co_return error;
    }
    co_return std::error_code{};
}

Task<std::error_code> Connection::read_exactly(std::span<char> into, Expect expect) {
    bool wait = tls_ == nullptr && expect == Expect::later;
    while (!into.empty()) {
        if (!wait) {
            if (turn_.is_over()) {
                const Executor executor = socket_.get_executor();
                co_await asio::post(executor, use_result);
                turn_ = Turn();
            }
            const ssize_t n = receive(into);
            const std::size_t size = n > 0 ? static_cast<std::size_t>(n) : 0;
            if (tls_) {
                turn_.spend(tls_->take_work(), size + kTlsRecordOverhead);
            } else {
                turn_.spend(Turn::kRead, size);
            }
            if (n == 0) co_return asio::error::eof;
            into = into.subspan(size);
            if (n < 0 && errno != EAGAIN && errno != EINTR) co_return last_error();
            wait = n < 0 || tls_ == nullptr;
        } else if (tls_) {
            const auto [error] = co_await socket_.async_wait(input_wait(), use_result);
            turn_ = Turn();  // the others have had theirs
            if (error) co_return error;
            wait = false;
        } else {
            // The event loop's own read costs no epoll_ctl(2), which waiting for readability does.
            const auto buffer = asio::buffer(into.data(), into.size());
            const auto [error, size] = co_await socket_.async_receive(buffer, use_result);
            turn_ = Turn();
            if (error) co_return error;
            into = into.subspan(size);
        }
    }
    co_return std::error_code{};
}

bool Connection::is_quiet() { return tls_ ? tls_->is_quiet() : !has_input(); }

void Connection::keep_alive() {
    if (std::exchange(has_own_times_, true) || !is_open()) return;
    if (!std::exchange(keeps_alive_, true)) set_keepalive(fd());
    set_keepalive_times(fd(), keepalive_times(random_unit(), random_unit()));
}

void Connection::close() {
    if (tls_) tls_->detach();
    std::error_code ignored;
    socket_.close(ignored);
}

void Connection::close_clean() {
    if (socket_.is_open()) close_with_fin(fd());
    close();
}

void Connection::move_to(asio::io_context& context) {
    std::error_code error;
    UniqueFd fd(socket_.release(error));
    socket_ = Socket(context.get_executor());
    if (!error) socket_.assign(peer_.protocol(), fd.get(), error);
    if (!error) {
        fd.release();
    } else if (tls_) {
        tls_->detach();
    }
}

}  // namespace inout
