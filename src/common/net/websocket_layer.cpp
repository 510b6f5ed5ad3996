#include "common/net/websocket_layer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include "common/base/counters.hpp"
#include "common/base/random.hpp"

namespace inout {
namespace {

class WebSocketCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "websocket"; }
    std::string message(int) const override { return "against the rules of WebSocket"; }
};

bool is_for_later(int error) { return error == EAGAIN || error == EINTR; }

ssize_t failed_with(int error) {
    errno = error;
    return -1;
}

}  // namespace

const std::error_category& websocket_category() {
    static const WebSocketCategory instance;
    return instance;
}

/// A timer whose handler does nothing once the layer is gone, or has another one.
struct WebSocketLayer::Watch {
    explicit Watch(const Executor& executor) : timer(executor) {}
    Timer timer;
};

WebSocketLayer::WebSocketLayer(ByteLayer& below, WebSocketRole role)
    : below_(&below), role_(role), reader_(role) {}

std::optional<WebSocketMask> WebSocketLayer::new_mask() const {
    if (role_ == WebSocketRole::server) return std::nullopt;
    WebSocketMask mask;
    fill_random(mask);
    return mask;
}

ssize_t WebSocketLayer::read(std::span<char> into) {
    if (ahead_.empty()) return receive(into);
    const std::size_t size = ahead_.copy(into.data(), into.size());
    ahead_.erase(0, size);
    if (ahead_.empty()) ahead_ = {};
    return static_cast<ssize_t>(size);
}

/// Content; 0: a Close frame has come; or -1 with errno.
ssize_t WebSocketLayer::receive(std::span<char> into) try {
    const unsigned before = reader_.frames();
    while (!error_) {
        if (reader_.end() == WebSocketReader::End::closed) return 0;
        const ssize_t n = below_->read(into);
        if (n < 0) return n;
        if (n == 0) {
            break_off({ECONNRESET, std::system_category()}, "an end without a Close frame");
            break;
        }
        const std::size_t content = reader_.take(into.first(static_cast<std::size_t>(n)));
        follow_reader();
        if (content > 0) return static_cast<ssize_t>(content);
        if (reader_.frames() - before > kWebSocketIdleFramesMax) {
            say(WebSocketOpcode::close, close_content(WebSocketStatus::policy_violation));
            break_off({1, websocket_category()}, "too many frames without content");
            break;
        }
        if (!error_ && reader_.end() == WebSocketReader::End::none && below_->is_drained()) {
            return failed_with(EAGAIN);
        }
    }
    return failed_with(error_.category() == std::system_category() ? error_.value() : EPROTO);
} catch (const std::bad_alloc&) {
    error_ = {ENOMEM, std::system_category()};
    return failed_with(ENOMEM);
}

/// What the last bytes ask of us.
void WebSocketLayer::follow_reader() {
    // In one write: thousands of Pings may come with one read.
    while (const auto content = reader_.next_ping()) add(WebSocketOpcode::pong, *content);
    flush();
    if (reader_.end() == WebSocketReader::End::broken) {
        say(WebSocketOpcode::close, close_content(reader_.status(), reader_.problem()));
        break_off({1, websocket_category()}, reader_.problem());
    } else if (reader_.end() == WebSocketReader::End::closed && close_said_ && unsent_.empty()) {
        below_->shut_send();
    }
}

void WebSocketLayer::break_off(std::error_code error, std::string_view why) {
    error_ = error;
    failure_ = "WebSocket: ";
    failure_ += why;
    if (error.category() == websocket_category()) counters().framing_errors_total.add();
}

/// A control frame, now or behind what waits already.
void WebSocketLayer::say(WebSocketOpcode opcode, std::string_view content) {
    add(opcode, content);
    flush();
}

/// To what waits. Nothing behind our Close frame.
void WebSocketLayer::add(WebSocketOpcode opcode, std::string_view content) {
    if (close_said_) return;
    close_said_ = opcode == WebSocketOpcode::close;
    // Who lets us answer and does not read it gets no more answers.
    const bool may_wait = opcode == WebSocketOpcode::close;
    if (unsent_.size() > kWebSocketDataMaxBytes + kWebSocketPingsMaxBytes && !may_wait) return;
    append_control(unsent_, opcode, content, new_mask());
}

/// True: nothing waits any more. Otherwise errno as after a write.
bool WebSocketLayer::flush() {
    if (unsent_.empty()) return true;
    std::string_view rest = unsent_;
    ssize_t n = 0;
    while (!rest.empty() && (n = below_->write(rest)) > 0) {
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
    if (rest.size() < unsent_.size()) sent_at_ = Clock::now();
    const int error = errno;
    if (rest.empty()) {
        unsent_ = {};  // the memory too: most connections are idle
        return true;
    }
    unsent_.erase(0, unsent_.size() - rest.size());
    errno = n == 0 ? EAGAIN : error;
    return false;
}

ssize_t WebSocketLayer::write(std::string_view data) try {
    if (!flush()) return -1;
    // After EAGAIN: the frame of these bytes was held, and has left now.
    if (pending_write_ > 0) return static_cast<ssize_t>(std::exchange(pending_write_, 0));
    if (close_said_) return failed_with(EPIPE);
    std::array<char, kWebSocketHeaderMaxBytes + kWebSocketDataMaxBytes> piece;
    const std::string_view content = data.substr(0, kWebSocketDataMaxBytes);
    const auto mask = new_mask();
    const WebSocketHeader header = websocket_header(WebSocketOpcode::binary, content.size(), mask);
    std::copy_n(header.bytes.begin(), header.size, piece.begin());
    if (mask) {
        copy_masked(piece.data() + header.size, content, *mask);
    } else {
        std::copy(content.begin(), content.end(), piece.begin() + header.size);
    }
    std::string_view rest(piece.data(), header.size + content.size());
    const std::size_t whole = rest.size();
    ssize_t n = 0;
    while (!rest.empty() && (n = below_->write(rest)) > 0) {
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
    const int error = errno;
    if (rest.size() < whole) sent_at_ = Clock::now();
    if (rest.empty()) return static_cast<ssize_t>(content.size());
    if (n < 0 && !is_for_later(error)) return failed_with(error);
    unsent_ = rest;
    pending_write_ = content.size();
    return failed_with(n < 0 ? error : EAGAIN);
} catch (const std::bad_alloc&) {
    error_ = {ENOMEM, std::system_category()};
    return failed_with(ENOMEM);
}

int WebSocketLayer::shut_send() try {
    if (!close_said_ && !error_) {
        say(WebSocketOpcode::close, close_content(WebSocketStatus::normal));
    }
    if (!flush()) return -1;
    return reader_.end() == WebSocketReader::End::closed ? below_->shut_send() : 0;
} catch (const std::bad_alloc&) {
    return static_cast<int>(failed_with(ENOMEM));
}

bool WebSocketLayer::is_drained() const {
    // What has ended or failed a read says each time.
    if (error_ || reader_.end() != WebSocketReader::End::none || !ahead_.empty()) return false;
    return below_->is_drained();
}

bool WebSocketLayer::is_quiet() {
    if (!ahead_.empty()) return false;
    std::array<char, kWebSocketControlMaxBytes> bytes;
    const ssize_t n = receive(bytes);
    if (n < 0) return errno == EAGAIN;
    try {
        ahead_.assign(bytes.data(), static_cast<std::size_t>(n));
    } catch (const std::bad_alloc&) {
        error_ = {ENOMEM, std::system_category()};  // what has come is lost, and not silently
    }
    return false;
}

std::size_t WebSocketLayer::record_overhead() const {
    const std::size_t mask = role_ == WebSocketRole::client ? kWebSocketMaskBytes : 0;
    return kWebSocketOverhead + mask + below_->record_overhead();
}

void WebSocketLayer::watch_over(const Executor& executor) {
    watch_ = std::make_shared<Watch>(executor);
    ping_when_due(watch_);
}

/// Not all at once after a burst of connections; and not at once, because this may be another
/// thread than the timer's, which moves the connection there (Connection::move_to).
void WebSocketLayer::ping_when_due(const std::shared_ptr<Watch>& watch) {
    const double share = 0.8 + random_unit() / 5;
    const auto pause = std::chrono::duration_cast<Clock::duration>(kWebSocketPing * share);
    watch->timer.expires_at(std::max(sent_at_ + pause, Clock::now() + kWebSocketPingApart));
    watch->timer.async_wait([this, weak = std::weak_ptr(watch)](std::error_code error) {
        const auto there = weak.lock();
        if (error || !there || error_ || close_said_) return;
        try {
            if (Clock::now() - sent_at_ >= kWebSocketPing * 4 / 5) {
                // What waits for room is life enough: nobody else may be about to send it.
                if (unsent_.empty()) add(WebSocketOpcode::ping, {});
                flush();
                sent_at_ = Clock::now();
            }
            ping_when_due(there);
        } catch (const std::bad_alloc&) {
            // The front ends the connection when it has been silent for too long for that.
        }
    });
}

}  // namespace inout
