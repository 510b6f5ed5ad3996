#include "common/net/connection.hpp"

#include <array>
#include <utility>

#include "common/base/random.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {

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
    : socket_(executor), peer_(peer), keeps_alive_(origin == Origin::accepted), wire_(-1) {
    if (!fd) return;  // asio would keep for ever what it makes for a descriptor that epoll refuses
    std::error_code error;
    socket_.assign(peer.protocol(), fd.get(), error);
    if (!error) wire_.attach(fd.release());
}

void Connection::push(std::unique_ptr<ByteLayer> layer) {
    layers_.push_back(std::move(layer));
    top_ = layers_.back().get();
}

std::unique_ptr<ByteLayer> Connection::pop() {
    std::unique_ptr<ByteLayer> layer = std::move(layers_.back());
    layers_.pop_back();
    top_ = layers_.empty() ? &wire_ : layers_.back().get();
    tls_ = dynamic_cast<TlsSession*>(top_);
    return layer;
}

void Connection::secure(std::unique_ptr<TlsSession> session) {
    session->attach(*top_);
    TlsSession* const tls = session.get();
    push(std::move(session));
    tls_ = tls;
}

void Connection::secure(SslPtr ssl, std::string_view already_read) {
    secure(std::make_unique<TlsSession>(std::move(ssl), already_read));
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

Socket::wait_type Connection::input_wait() const {
    return top_->read_wants_write() ? Socket::wait_write : Socket::wait_read;
}

Socket::wait_type Connection::output_wait() const {
    return top_->write_wants_read() ? Socket::wait_read : Socket::wait_write;
}

std::error_code Connection::last_error() const {
    const std::error_code own = top_->last_error();
    return own ? own : std::error_code(errno, asio::error::get_system_category());
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
    // The event loop's own read costs no epoll_ctl(2), which waiting for readability does.
    const bool loop_reads = loop_may_read();
    bool wait = loop_reads && expect == Expect::later;
    while (!into.empty()) {
        if (!wait) {
            if (turn_.is_over()) {
                const Executor executor = socket_.get_executor();
                co_await asio::post(executor, use_result);
                turn_ = Turn();
            }
            const ssize_t n = receive(into);
            const std::size_t size = n > 0 ? static_cast<std::size_t>(n) : 0;
            spend_read(turn_, *top_, size);
            if (n == 0) co_return asio::error::eof;
            into = into.subspan(size);
            if (n < 0 && errno != EAGAIN && errno != EINTR) co_return last_error();
            wait = n < 0 || loop_reads;
        } else if (!loop_reads) {
            const auto [error] = co_await socket_.async_wait(input_wait(), use_result);
            turn_ = Turn();  // the others have had theirs
            if (error) co_return error;
            wait = false;
        } else {
            const auto buffer = asio::buffer(into.data(), into.size());
            const auto [error, size] = co_await socket_.async_receive(buffer, use_result);
            turn_ = Turn();
            if (error) co_return error;
            into = into.subspan(size);
        }
    }
    co_return std::error_code{};
}

void Connection::keep_alive() {
    if (std::exchange(has_own_times_, true) || !is_open()) return;
    if (!std::exchange(keeps_alive_, true)) set_keepalive(fd());
    set_keepalive_times(fd(), keepalive_times(random_unit(), random_unit()));
}

void Connection::close() {
    wire_.attach(-1);
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
    if (error) {
        wire_.attach(-1);
    } else {
        fd.release();
    }
}

}  // namespace inout
