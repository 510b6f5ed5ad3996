// Connection: one TCP connection, reset unless it is ended on purpose; or one over a UNIX socket.
//
// Every connection carries SO_LINGER{1,0} from accept or connect, so that a crash, kill -9 or a
// forgotten path is an RST for the peer and never a clean end; only close_clean() takes it away. A
// UNIX socket has no RST: whoever has bytes of its own unread at the other side's end gets an error
// (ECONNRESET), everybody else a clean end.
// Reading, writing and ending go through its layers (ByteLayer): the socket, and TLS over that. It
// stays where it was made: the coroutine, pool or relay that owns it holds a ConnectionPtr, and
// gives that on. On its worker's thread, which only move_to() changes. It knows no protocol.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/counters.hpp"
#include "common/base/socket_address.hpp"
#include "common/base/turn.hpp"
#include "common/compress/compressed_layer.hpp"
#include "common/net/asio.hpp"
#include "common/net/poller.hpp"
#include "common/net/stream_framing.hpp"
#include "common/net/unread.hpp"
#include "common/net/websocket_layer.hpp"
#include "common/os/socket.hpp"
#include "common/os/socket_layer.hpp"
#include "common/os/unique_fd.hpp"
#include "common/tls/session.hpp"

namespace inout {

/// "ip:port", IPv6 in brackets, with its zone; an IPv4-mapped address is IPv4, as it is for all
/// that is judged by address.
std::string to_string(const Endpoint& endpoint);
IpAddress to_ip_address(const Endpoint& endpoint);
/// An IPv4 address in the clothes of an IPv6 one (RFC 4291, 2.5.5.2), which to_ip_address() takes
/// off: no way to write one that a rule permits.
bool is_v4_mapped(const Endpoint& endpoint);
SocketAddress to_socket_address(const Endpoint& endpoint);
Endpoint to_endpoint(const SocketAddress& address);

class Connection final : private Poller::Watched {
  public:
    enum class Origin {
        accepted,
        dialled,
        local,           ///< dialled, and a UNIX socket: `peer` is none
        accepted_local,  ///< the same, accepted: the kernel knows who is there
    };
    /// Takes a non-blocking descriptor that has the connection options; an accepted one also has
    /// keepalive. Its event loop learns of it at the first wait, on that one's thread.
    Connection(const Executor& executor, UniqueFd fd, const Endpoint& peer, Origin origin);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() override { close(); }

    const Executor& executor() const { return executor_; }
    int fd() const { return fd_.get(); }
    bool is_open() const { return bool(fd_); }

    /// From now on all goes through this layer, which lies over what was there before.
    void push(std::unique_ptr<ByteLayer> layer);
    /// Takes the uppermost layer away again, which is not the socket.
    std::unique_ptr<ByteLayer> pop();
    /// A new layer of TLS, for which unread() are the peer's first bytes; handshake() is next.
    void secure(std::unique_ptr<TlsSession> session);
    void secure(SslPtr ssl);
    /// From now on there are frames of WebSocket here, of which unread() are the peer's first
    /// bytes. TLS below that is somebody else's: it says nothing of the peer, and tls() is nothing.
    void become_websocket(WebSocketRole role);
    bool is_websocket() const { return websocket_ != nullptr; }
    /// Awaits the end of the TLS handshake; a failure's text is in tls()->failure().
    Task<std::error_code> handshake();
    /// Who the peer is and what failed in a handshake is asked of its TLS; whoever moves bytes does
    /// not ask whether there is some. The uppermost session with the peer itself, or nothing.
    TlsSession* tls() const { return tls_; }
    /// From now on streams can follow one another here. Over the socket or its TLS, once.
    void frame(StreamFraming::Role role);
    /// A forward proxy is in between: what is framed here stays so (StreamFraming).
    void stay_framed();
    bool stays_framed() const { return stays_framed_; }
    /// Nothing: the connection ends with its stream.
    StreamFraming* framing() const { return framing_; }
    /// What comes from now on, unread() too, are the frames of a stream (StreamFraming).
    void receive_stream(std::size_t headless = 0) { framing_->begin_receiving(unread_, headless); }
    /// Whether a stream's content was read ahead already, so that the next receive() gives some.
    bool has_content_ahead() const {
        return framing_ != nullptr ? framing_->has_content_ahead() : !unread_.is_empty();
    }
    /// A layer that compresses its stream, over all that is there; nothing of that has begun yet.
    void compress();
    /// Nothing: its stream is not compressed.
    CompressedLayer* compressed() const { return compressed_; }
    /// What comes from now on, unread() too, is compressed behind `plain` bytes.
    void receive_compressed(std::size_t plain = 0);
    /// Takes away what the last stream has left over the framing: a session from end to end,
    /// compression, what was read ahead in those, and that it was reset.
    void uncover_framing();
    /// What reading, writing and ending go through.
    ByteLayer& bytes() { return unread_.is_empty() ? *top_ : unread_; }
    /// The lowest layer: what TLS sends, for who ends a connection without it.
    SocketLayer& wire() { return wire_; }

    /// As ByteLayer's; after EAGAIN wait_for_input() or wait_for_output().
    ssize_t receive(std::span<char> into) { return bytes().read(into); }
    ssize_t send(std::string_view data) { return top_->write(data); }
    int shut_send() { return top_->shut_send(); }
    /// The reason of a failure of receive() or send(), to be asked at once.
    std::error_code last_error() const;

    /// Waits until reading, or writing, has something to do (which TLS may need the other direction
    /// for), or until the connection has an error or is over in both directions. At once if that
    /// may be so already. One wait of each kind at a time: another one ends the first with
    /// operation_aborted, as cancel_waits() and close() do. `waiter` must live until it is called.
    void wait_for_input(Waiter& waiter);
    void wait_for_output(Waiter& waiter);
    void wait_for_error(Waiter& waiter);
    /// The same with a completion token for void(std::error_code).
    template <class Token>
    auto until_input(Token&& token) {
        return initiate(&Connection::wait_for_input, std::forward<Token>(token));
    }
    template <class Token>
    auto until_output(Token&& token) {
        return initiate(&Connection::wait_for_output, std::forward<Token>(token));
    }
    template <class Token>
    auto until_error(Token&& token) {
        return initiate(&Connection::wait_for_error, std::forward<Token>(token));
    }
    /// As until_input, for what the socket holds, whatever lies over it.
    template <class Token>
    auto until_wire_input(Token&& token) {
        return initiate(&Connection::wait_for_wire_input, std::forward<Token>(token));
    }
    /// For one that was just dialled: it has no room to write until it is connected, or failed.
    void expect_connect() { wire_.set_full(); }
    /// Calls it after the others of the event loop have had their turn.
    void soon(Waiter& waiter) { poller_->make_due(waiter, {}); }
    void cancel_waits();

    /// Awaits all of `data` being accepted by the kernel.
    Task<std::error_code> write_all(std::string_view data);
    /// Awaits that unread() has at least `size` bytes, and perhaps more that came with them;
    /// asio::error::eof at a clean end before that. What is here already is read without a wait, a
    /// turn of it at a time (Turn), so that no peer keeps the others of this worker waiting.
    /// `room`, where it is more: for so many bytes in all there is room, for whom more is no harm.
    Task<std::error_code> read_ahead(std::size_t size, std::size_t room = 0);
    /// What was read and is still the next to be received, by whatever means.
    std::string_view unread() const { return unread_.bytes(); }
    /// Of unread(), the first `size` bytes have been received.
    void take(std::size_t size) { unread_.take(size); }
    /// These come before what is unread, as if the peer had sent them.
    void put_back(std::string_view bytes) { unread_.put_back(bytes); }
    /// What a message of this peer costs beside reading it, in operations of the same turn.
    void charge(unsigned operations) { turn_.spend(operations); }

    /// Nothing to read: no bytes, no end, no error. To be asked after a wait for input, which may
    /// end for what others have read.
    bool is_quiet() { return bytes().is_quiet(); }
    /// Whether bytes were read ahead, or the kernel holds some, an end or an error. Unlike
    /// is_quiet(), which over TLS takes the bytes out of the kernel, it may be asked while somebody
    /// else waits for them.
    bool has_input() { return !unread_.is_empty() || inout::has_input(fd()); }
    /// As of os/socket.
    int take_error() { return inout::take_error(fd()); }
    bool has_exceptional_state() { return inout::has_exceptional_state(fd()); }

    /// Its peer has reset it: an ErrorWatch has noticed, or who met the error and said so here,
    /// because the kernel tells an error once.
    bool was_reset() const { return was_reset_; }
    void note_reset();
    /// Calls it once the connection was_reset(), now if it was already. Nothing: nothing any more.
    /// One at a time; what it needs must outlive that.
    void on_reset(std::function<void()> act);
    /// A Deadline over it has passed and closed it.
    bool has_expired() const { return has_expired_; }

    /// Keepalive from now on, with times of its own (KeepaliveTimes). Not from the beginning,
    /// because the calls are dear for a short stream: whoever keeps a connection asks for it.
    void keep_alive();

    /// While a stream is being opened: fails when the peer has acknowledged nothing for this long
    /// (TCP_USER_TIMEOUT, tcp(7)). 0: no longer, as a relayed stream needs it.
    void give_up_after(Milliseconds time) {
        if (std::exchange(gives_up_after_, time) != time) inout::give_up_after(fd(), time);
    }

    /// Closes with RST; pending operations end with operation_aborted. The way to cancel.
    void close();
    /// The same because its time is over: has_expired().
    void expire();
    /// Closes with FIN (if not sent yet); what the kernel holds is still delivered.
    void close_clean();

    /// Who is trusted has said that it is this one's connection: from now on that is the other
    /// side, for everything here.
    void speaks_for(const Endpoint& client) { peer_ = client; }
    /// "ip:port" of the other side; of one that came to a UNIX socket "unix:uid=…,gid=…,pid=…".
    std::string peer() const;
    /// Whether there is anything to tell about that.
    bool has_peer() const { return credentials_ || peer_ != Endpoint(); }
    /// Nothing, but of one that came to a UNIX socket.
    const std::optional<PeerCredentials>& credentials() const { return credentials_; }
    const Endpoint& peer_endpoint() const { return peer_; }
    IpAddress peer_address() const { return to_ip_address(peer_); }
    /// Who the other side is for all that goes by source: its address or, of IPv6, its /64; at a
    /// UNIX socket its user.
    std::string source() const;

    /// From now on another worker's. To be called on the old one's thread, with no wait pending;
    /// the new one is told afterwards.
    void move_to(asio::io_context& context);

  private:
    /// What waits for these events of the descriptor.
    struct Slot {
        Waiter* waiter = nullptr;
        Events events = 0;
    };
    template <class Handler>
    class HandlerWaiter;
    template <class Token>
    auto initiate(void (Connection::*wait)(Waiter&), Token&& token);

    void told(Events events) override;
    void abandon_waiters() override;
    /// As wait_for_input(), but what is unread is not enough.
    void wait_for_more_input(Waiter& waiter);
    void wait_for_wire_input(Waiter& waiter);
    void begin(Slot& slot, Waiter& waiter, Events events, bool may_be_so);
    std::error_code watch(Events events);
    void end(Slot& slot, std::error_code error);

    Executor executor_;
    Poller* poller_;
    UniqueFd fd_;
    Events watched_ = 0;  // nothing: the poller does not know us
    Slot input_, output_, error_;
    bool failed_ = false;  // told of, and nobody has waited for it since
    bool was_reset_ = false, has_expired_ = false, stays_framed_ = false;
    std::function<void()> on_reset_;
    Endpoint peer_;
    std::optional<PeerCredentials> credentials_;
    bool keeps_alive_;    // as the listening socket said
    bool has_own_times_;  // of keepalive
    Milliseconds gives_up_after_{0};
    SocketLayer wire_;
    std::vector<std::unique_ptr<ByteLayer>> layers_;  // over that, the uppermost at the back
    ByteLayer* top_ = &wire_;
    TlsSession* tls_ = nullptr;
    WebSocketLayer* websocket_ = nullptr;
    StreamFraming* framing_ = nullptr;
    CompressedLayer* compressed_ = nullptr;
    Unread unread_{wire_};  // over all of them
    Turn turn_;
    Counted counted_{counters().sockets};
};

/// Calls its handler, and goes with it.
template <class Handler>
class Connection::HandlerWaiter final : public Waiter {
  public:
    explicit HandlerWaiter(Handler handler) : handler_(std::move(handler)) {}
    void ready(std::error_code error) override {
        Handler handler(std::move(handler_));
        delete this;  // its memory is the next one's
        std::move(handler)(error);
    }
    void abandon() override { delete this; }

    static void* operator new(std::size_t size) { return Memory().allocate(size); }
    static void operator delete(void* at, std::size_t size) {
        Memory().deallocate(static_cast<std::byte*>(at), size);
    }

  private:
    using Memory = asio::recycling_allocator<std::byte>;
    Handler handler_;
};

template <class Token>
auto Connection::initiate(void (Connection::*wait)(Waiter&), Token&& token) {
    return asio::async_initiate<Token, void(std::error_code)>(
        [this, wait](auto handler) {
            using Handler = decltype(handler);
            (this->*wait)(*new HandlerWaiter<Handler>(std::move(handler)));
        },
        token);
}

/// One owner at a time; who only wants to close it holds a weak one.
using ConnectionPtr = std::shared_ptr<Connection>;

}  // namespace inout
