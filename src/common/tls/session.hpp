// TlsSession: TLS over one connection's socket, or inside another session.
//
// Reads and writes as recv(2) and send(2) do: never blocks, -1 with errno; after EAGAIN each
// direction tells what it waits for. A clean end is close_notify and nothing else: an end of the
// TCP connection without it is an error. Each direction ends by itself (half-close). Records
// without content are free to their sender: after kTlsIdleWorkMax of them the session fails. Owned
// by its Connection, on its worker's thread. Made by TlsServer, TlsClient and TlsPsk.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/limits.hpp"
#include "common/os/socket_calls.hpp"
#include "common/rules/certificate_name.hpp"

// OpenSSL's names for SSL, BIO.
struct ssl_st;
struct bio_st;

namespace inout {

struct SslDeleter {
    void operator()(ssl_st* ssl) const;
};
/// A session that is set up, but not yet connected to anything.
using SslPtr = std::unique_ptr<ssl_st, SslDeleter>;

/// OpenSSL's reason codes as error codes.
const std::error_category& tls_category();

/// What a TLS server begins with: an alert or a handshake message (RFC 8446, 5.1).
bool is_tls_answer(std::string_view bytes);

class TlsSession {
  public:
    /// Over the socket `fd`. `already_read` are the first bytes of the peer.
    TlsSession(SslPtr ssl, int fd, std::string_view already_read = {},
               SocketCalls& calls = SocketCalls::system());
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;
    ~TlsSession();

    enum class Handshake { done, wait, failed };
    /// Goes on with the handshake as far as possible; a server reads at most kTlsHandshakeMaxBytes
    /// or, if it asks for certificates, kTlsCertificatesMaxBytes for it, a client
    /// kTlsServerFlightMaxBytes.
    Handshake handshake();
    /// After the handshake: from now on no more than this is read from the socket; what is beyond
    /// is a failure. Nothing: as much as there is.
    void limit_input(std::optional<std::size_t> bytes);
    /// A client's first flight, without sending it: its bytes may go together with others. Before
    /// handshake().
    std::string first_flight();
    /// From now on this is carried by `outer`, or, if that is nothing, by the socket `fd`. For a
    /// closed one -1: its number may soon be another connection's.
    void attach(int fd, std::unique_ptr<TlsSession> outer);
    /// The socket is closed.
    void detach();

    /// 0: close_notify. A failure's error stays: see last_error().
    ssize_t read(std::span<char> into);
    /// May take less than there is; after EAGAIN at least the same bytes have to come again.
    ssize_t write(std::string_view data);
    /// close_notify, then FIN: 0, or -1 (EAGAIN: again when writable).
    int shutdown_send();

    /// What the last EAGAIN of reading (or the handshake), and of writing, waits for: room to write
    /// or something to read.
    bool read_wants_write() const { return read_wants_write_; }
    bool write_wants_read() const { return write_wants_read_; }
    /// Nothing to read, neither here nor in the kernel when that was asked last.
    bool drained() const;
    /// Nothing to read now: no bytes, no end, no error. A session ticket may have been.
    bool is_quiet();

    /// The peer has sent more than it may: for the handshake, beyond limit_input, or without
    /// content.
    bool got_too_much() const { return is_flooded_ || wire_errno_ == EMSGSIZE; }
    std::error_code last_error() const { return error_; }
    /// What failed, for the log; empty if nothing has.
    const std::string& failure() const { return failure_; }
    /// What came instead of a record, at most its first kSeenMaxBytes, when a client's handshake
    /// has failed of it; else empty.
    std::string_view seen() const { return is_tls_answer(seen_) ? std::string_view() : seen_; }

    /// A value that both ends of this session know and nobody else (RFC 5705; RFC 8446, 7.5). Empty
    /// if there is none that is safe to use (TLS 1.2 without RFC 7627).
    std::string exporter() const;
    /// Names of the verified peer's own certificate, see certificate_names. Empty without a
    /// certificate, and when it has expired since the handshake.
    std::vector<CertificateName> peer_names() const;
    bool was_resumed() const;  // only tests

    /// Records and handshake messages that reading has gone through since the last call, with or
    /// without content, those of the sessions that carry this one included: what a turn is charged.
    unsigned take_work();

  private:
    friend struct TlsWire;

    void see(std::string_view bytes);
    bool flush();
    ssize_t read_result(int ssl_error);
    ssize_t write_result(int ssl_error);
    ssize_t failure_of(int ssl_error);
    int error_number() const;
    ssize_t outer_end();
    void fail(int reason);
    std::size_t record_size();

    std::unique_ptr<TlsSession> outer_;
    int fd_;
    SocketCalls& calls_;
    SslPtr ssl_;

    // The lower side, as OpenSSL sees it.
    std::string already_read_;
    std::optional<std::string> captured_;  // output, instead of going to the socket
    std::size_t input_left_;               // what may still be taken from there
    std::string unsent_;                   // output that met a full socket
    int wire_errno_ = 0;
    bool wire_ended_ = false;
    bool wire_drained_ = false;
    bool reading_ = false;  // what OpenSSL writes meanwhile nobody has asked for

    bool read_wants_write_ = false, write_wants_read_ = false;
    bool handshaken_ = false;
    bool read_failed_ = false;
    bool notified_ = false;
    std::error_code error_;
    std::string failure_;
    std::string seen_;               // by a client that shakes hands: the server's first bytes
    std::size_t pending_write_ = 0;  // bytes in unsent_ that write() has not reported yet
    // Records and handshake messages after the handshake: all since take_work(), and those that
    // brought nothing to read.
    unsigned work_ = 0, idle_work_ = 0;
    bool unpaid_record_ = false, is_flooded_ = false;
    std::size_t burst_bytes_ = 0;  // sent since the last pause
    Clock::time_point last_write_{};
};

}  // namespace inout
