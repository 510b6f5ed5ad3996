#include "common/net/connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/base/random.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {

std::string to_string(const Endpoint& endpoint) {
    const IpAddress mapped = to_ip_address(endpoint);
    if (mapped.is_v4()) return SocketAddress{mapped, endpoint.port()}.text();
    return "[" + endpoint.address().to_string() + "]:" + std::to_string(endpoint.port());
}

IpAddress to_ip_address(const Endpoint& endpoint) {
    const auto address = endpoint.address();
    const auto v6 = address.is_v6()
                        ? address.to_v6()
                        : asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4());
    return {v6.to_bytes()};
}

bool is_v4_mapped(const Endpoint& endpoint) {
    const auto address = endpoint.address();
    return address.is_v6() && address.to_v6().is_v4_mapped();
}

SocketAddress to_socket_address(const Endpoint& endpoint) {
    return {to_ip_address(endpoint), endpoint.port()};
}

Endpoint to_endpoint(const SocketAddress& address) {
    const asio::ip::address_v6 v6(address.address.bytes);
    if (!address.address.is_v4()) return {v6, address.port};
    return {asio::ip::make_address_v4(asio::ip::v4_mapped, v6), address.port};
}

Connection::Connection(const Executor& executor, UniqueFd fd, const Endpoint& peer, Origin origin)
    : executor_(executor),
      poller_(&Poller::of(executor)),
      fd_(std::move(fd)),
      peer_(peer),
      keeps_alive_(origin == Origin::accepted),
      // The kernel notices by itself when the peer of a UNIX socket ends.
      has_own_times_(origin == Origin::local || origin == Origin::accepted_local),
      wire_(fd_.get()) {
    // What we have dialled says nothing before it is asked: its first read waits.
    const bool came = origin == Origin::accepted || origin == Origin::accepted_local;
    if (!came) wire_.set_drained();
    if (has_own_times_) wire_.reads_in_pieces();
    if (origin == Origin::accepted_local) credentials_ = peer_credentials(fd_.get());
}

std::string Connection::peer() const {
    if (!credentials_) return to_string(peer_);
    return source() + ",gid=" + std::to_string(credentials_->gid) +
           ",pid=" + std::to_string(credentials_->pid);
}

std::string Connection::source() const {
    if (credentials_) return "unix:uid=" + std::to_string(credentials_->uid);
    return peer_address().source().text();
}

void Connection::push(std::unique_ptr<ByteLayer> layer) {
    layers_.push_back(std::move(layer));
    top_ = layers_.back().get();
    unread_.attach(*top_);
}

std::unique_ptr<ByteLayer> Connection::pop() {
    std::unique_ptr<ByteLayer> layer = std::move(layers_.back());
    layers_.pop_back();
    top_ = layers_.empty() ? &wire_ : layers_.back().get();
    unread_.attach(*top_);
    tls_ = nullptr;
    for (const auto& left : layers_) {
        if (auto* const session = dynamic_cast<TlsSession*>(left.get())) tls_ = session;
        if (left.get() == websocket_) tls_ = nullptr;
    }
    return layer;
}

void Connection::frame(StreamFraming::Role role) {
    auto framing = std::make_unique<StreamFraming>(*top_, role);
    framing_ = framing.get();
    if (stays_framed_) framing_->stay_framed();
    push(std::move(framing));
}

void Connection::stay_framed() {
    stays_framed_ = true;
    if (framing_ != nullptr) framing_->stay_framed();
}

void Connection::compress() {
    auto layer = std::make_unique<CompressedLayer>(*top_);
    compressed_ = layer.get();
    push(std::move(layer));
}

void Connection::receive_compressed(std::size_t plain) {
    compressed_->begin_receiving(unread(), plain);
    take(unread().size());
}

void Connection::uncover_framing() {
    compressed_ = nullptr;
    while (top_ != framing_) pop();
    unread_.take(unread_.bytes().size());
    was_reset_ = false;
    on_reset_ = {};
}

void Connection::secure(std::unique_ptr<TlsSession> session) {
    if (!unread_.is_empty()) push(std::make_unique<Unread>(unread_));
    session->attach(*top_);
    TlsSession* const tls = session.get();
    push(std::move(session));
    tls_ = tls;
}

void Connection::become_websocket(WebSocketRole role) {
    if (!unread_.is_empty()) push(std::make_unique<Unread>(unread_));
    auto layer = std::make_unique<WebSocketLayer>(*top_, role);
    layer->watch_over(executor_);
    websocket_ = layer.get();
    push(std::move(layer));
    tls_ = nullptr;
}

void Connection::secure(SslPtr ssl) { secure(std::make_unique<TlsSession>(std::move(ssl))); }

Task<std::error_code> Connection::handshake() {
    while (true) {
        switch (tls_->handshake()) {
            case TlsSession::Handshake::done: co_return std::error_code{};
            case TlsSession::Handshake::failed: co_return tls_->last_error();
            case TlsSession::Handshake::wait: break;
        }
        const auto [error] = co_await until_input(use_result);
        if (error) co_return error;
    }
}

void Connection::wait_for_input(Waiter& waiter) {
    if (unread_.is_empty()) {
        wait_for_more_input(waiter);
    } else {
        begin(input_, waiter, kInput, true);
    }
}

void Connection::wait_for_more_input(Waiter& waiter) {
    const bool for_room = top_->read_wants_write();
    begin(input_, waiter, for_room ? kOutput : kInput,
          for_room ? !wire_.is_full() : !wire_.is_drained());
}

void Connection::wait_for_output(Waiter& waiter) {
    const bool for_input = top_->write_wants_read();
    begin(output_, waiter, for_input ? kInput : kOutput,
          for_input ? !wire_.is_drained() : !wire_.is_full());
}

void Connection::wait_for_error(Waiter& waiter) {
    begin(error_, waiter, kOver, std::exchange(failed_, false));
}

void Connection::wait_for_wire_input(Waiter& waiter) {
    begin(input_, waiter, kInput, !wire_.is_drained());
}

void Connection::begin(Slot& slot, Waiter& waiter, Events events, bool may_be_so) {
    end(slot, asio::error::operation_aborted);
    if (may_be_so && fd_) {
        poller_->make_due(waiter, {});
    } else if (const auto error = watch(events)) {
        poller_->make_due(waiter, error);
    } else {
        slot = {&waiter, events};
        poller_->wait_began();
    }
}

/// Registered once; for room to write only when that was needed.
std::error_code Connection::watch(Events events) {
    if (!fd_) return asio::error::bad_descriptor;
    events = (events & (kInput | kOutput)) | kInput;
    std::error_code error;
    if (watched_ == 0) {
        error = poller_->add(fd_.get(), *this, events);
    } else if ((watched_ | events) != watched_) {
        error = poller_->change(fd_.get(), *this, watched_ | events);
    }
    if (!error) watched_ |= events;
    return error;
}

void Connection::told(Events events) {
    if ((events & (kInput | kUrgent | kPeerEnded | kOver)) != 0) wire_.has_input();
    if ((events & (kPeerEnded | kOver)) != 0) wire_.has_ended();
    if ((events & kUrgent) != 0) wire_.has_urgent_data();
    if ((events & (kOutput | kOver)) != 0) wire_.has_room();
    if ((events & kOver) != 0) failed_ = true;
    if ((events & (kUrgent | kPeerEnded)) != 0) events |= kInput;
    Waiter* first = nullptr;
    for (Slot* slot : {&input_, &output_, &error_}) {
        if (slot->waiter == nullptr || (events & (slot->events | kOver)) == 0) continue;
        if (slot == &error_) failed_ = false;
        if (first != nullptr) {
            end(*slot, {});
        } else {
            first = std::exchange(slot->waiter, nullptr);
            poller_->wait_ended();
        }
    }
    if (first != nullptr) first->ready({});  // this may be gone
}

/// If somebody waits there, it learns why not any longer.
void Connection::end(Slot& slot, std::error_code error) {
    if (slot.waiter == nullptr) return;
    poller_->make_due(*std::exchange(slot.waiter, nullptr), error);
    poller_->wait_ended();
}

void Connection::cancel_waits() {
    for (Slot* slot : {&input_, &output_, &error_}) end(*slot, asio::error::operation_aborted);
}

void Connection::abandon_waiters() {
    watched_ = 0;
    const std::array<Waiter*, 3> waiters{std::exchange(input_.waiter, nullptr),
                                         std::exchange(output_.waiter, nullptr),
                                         std::exchange(error_.waiter, nullptr)};
    for (Waiter* waiter : waiters) {
        if (waiter != nullptr) waiter->abandon();  // this may be gone
    }
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
        const auto [error] = co_await until_output(use_result);
        if (error) co_return error;
    }
    co_return std::error_code{};
}

Task<std::error_code> Connection::read_ahead(std::size_t size, std::size_t room) {
    while (true) {
        if (turn_.is_over()) {
            co_await asio::post(executor_, use_result);
            turn_ = Turn();
        }
        // Also what was read ahead is nobody's any more.
        if (!fd_) co_return asio::error::operation_aborted;
        if (unread_.bytes().size() >= size) co_return std::error_code{};
        if (!top_->is_drained()) {
            const ssize_t n = unread_.fill(std::max(size, room));
            spend_read(turn_, *top_, n > 0 ? static_cast<std::size_t>(n) : 0);
            if (n == 0) co_return asio::error::eof;
            if (n > 0 || errno == EINTR) continue;
            if (errno != EAGAIN) co_return last_error();
        }
        const auto [error] = co_await initiate(&Connection::wait_for_more_input, use_result);
        if (error) co_return error;
        turn_ = Turn();  // the others have had theirs
    }
}

void Connection::keep_alive() {
    if (std::exchange(has_own_times_, true) || !is_open()) return;
    const KeepaliveTimes times = keepalive_times(random_unit(), random_unit());
    if (std::exchange(keeps_alive_, true)) {
        set_keepalive_times(fd(), times);
    } else {
        set_keepalive(fd(), times);
    }
}

void Connection::note_reset() {
    was_reset_ = true;
    if (on_reset_) on_reset_();
}

void Connection::on_reset(std::function<void()> act) {
    on_reset_ = std::move(act);
    if (was_reset_ && on_reset_) on_reset_();
}

void Connection::expire() {
    has_expired_ = true;
    close();
}

void Connection::close() {
    if (!fd_) return;
    cancel_waits();
    if (std::exchange(watched_, 0) != 0) poller_->forget(*this);
    wire_.attach(-1);
    fd_.reset();
}

void Connection::close_clean() {
    if (fd_) close_with_fin(fd_.get());
    close();
}

void Connection::move_to(asio::io_context& context) {
    if (std::exchange(watched_, 0) != 0) poller_->remove(fd_.get(), *this);
    executor_ = context.get_executor();
    poller_ = &Poller::of(executor_);
    if (websocket_ != nullptr) websocket_->watch_over(executor_);
}

}  // namespace inout
