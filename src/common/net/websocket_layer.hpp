// WebSocketLayer: the layer of a connection that is WebSocket (RFC 6455), over its socket or over
// TLS that a front has.
//
// Lies where something in between speaks only HTTP. Each direction ends by itself with a Close
// frame, as TLS's does with close_notify; an end without one is a reset, whoever in between has
// made a clean one of it. Pings are answered; ours leave when nothing else has for a while, so that
// nobody in between takes the connection for idle. Never blocks, and throws nothing where bytes
// move (OpenSSL may be in between). Owned by its Connection, on its worker's thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "common/net/asio.hpp"
#include "common/os/byte_layer.hpp"
#include "common/wire/websocket_frame.hpp"

namespace inout {

/// What a peer has done that it may not, as an error code.
const std::error_category& websocket_category();

class WebSocketLayer final : public ByteLayer {
  public:
    /// Over `below`, which must outlive it. No Pings before watch_over().
    WebSocketLayer(ByteLayer& below, WebSocketRole role);

    /// 0: a Close frame. ECONNRESET: an end without one. EPROTO: against the rules.
    ssize_t read(std::span<char> into) override;
    /// A frame at most.
    ssize_t write(std::string_view data) override;
    /// A Close frame; when both sides have sent theirs, also the end of the layer below. What is in
    /// between may know no half-close.
    int shut_send() override;

    bool read_wants_write() const override { return below_->read_wants_write(); }
    bool write_wants_read() const override { return below_->write_wants_read(); }
    bool is_drained() const override;
    bool is_quiet() override;
    std::size_t record_overhead() const override;
    unsigned take_work() override { return reader_.take_frames() + below_->take_work(); }
    std::error_code last_error() const override { return error_ ? error_ : below_->last_error(); }
    std::string failure() const override { return error_ ? failure_ : below_->failure(); }

    /// From now on Pings leave, by the event loop of this one's thread.
    void watch_over(const Executor& executor);

  private:
    struct Watch;

    ssize_t receive(std::span<char> into);
    void follow_reader();
    void say(WebSocketOpcode opcode, std::string_view content);
    void add(WebSocketOpcode opcode, std::string_view content);
    bool flush();
    std::optional<WebSocketMask> new_mask() const;
    void break_off(std::error_code error, std::string_view why);
    void ping_when_due(const std::shared_ptr<Watch>& watch);

    ByteLayer* below_;
    const WebSocketRole role_;
    WebSocketReader reader_;
    std::string ahead_;              // content that is_quiet() has come upon
    std::string unsent_;             // of our frames, what met a full socket
    std::size_t pending_write_ = 0;  // bytes in unsent_ that write() has not reported yet
    bool close_said_ = false;
    Clock::time_point sent_at_ = Clock::now();
    std::error_code error_;  // for good
    std::string failure_;
    std::shared_ptr<Watch> watch_;
};

}  // namespace inout
