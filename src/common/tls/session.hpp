// TlsSession: the layer of a connection that is TLS, over its socket or over another session.
//
// A clean end is close_notify and nothing else: an end of the
// TCP connection without it is an error. Each direction ends by itself (half-close). Records
// without content are free to their sender: after kTlsIdleWorkMax of them the session fails. Owned
// by its Connection, on its worker's thread. Made by TlsServer, TlsClient and TlsPsk.
#pragma once

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
#include "common/os/byte_layer.hpp"
#include "common/rules/certificate_name.hpp"
#include "common/rules/validity.hpp"

// OpenSSL's names for SSL, BIO.
struct ssl_st;
struct bio_st;

namespace inout {

struct SslDeleter {
    void operator()(ssl_st* ssl) const;
    std::shared_ptr<const void> maker{};  ///< whom the session calls back; nothing: outlives it
};
/// A session that is set up, but not yet connected to anything.
using SslPtr = std::unique_ptr<ssl_st, SslDeleter>;

/// OpenSSL's reason codes as error codes.
const std::error_category& tls_category();
/// An end without close_notify: of a peer that was killed, or that does not care.
bool is_tls_cut(const std::error_code& error);

/// What a TLS server begins with: an alert or a handshake message (RFC 8446, 5.1).
bool is_tls_answer(std::string_view bytes);

class TlsSession : public ByteLayer {
  public:
    explicit TlsSession(SslPtr ssl);
    ~TlsSession() override;
    /// Lies over `below` from now on, which must outlive it. Before all else but first_flight().
    void attach(ByteLayer& below) { below_ = &below; }

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

    /// 0: close_notify. A failure's error stays: see last_error().
    ssize_t read(std::span<char> into) override;
    /// A record at most.
    ssize_t write(std::string_view data) override;
    /// close_notify, then FIN.
    int shut_send() override;
    /// Not what is written here, but who carries its records may move them by splice(2).
    bool take_raw(std::uint64_t moved) override {
        below_->take_raw(moved);
        return false;
    }

    /// Also of the handshake.
    bool read_wants_write() const override { return read_wants_write_; }
    bool write_wants_read() const override { return write_wants_read_; }
    bool is_drained() const override;
    bool is_quiet() override;
    std::size_t record_overhead() const override;
    unsigned take_work() override;

    /// The peer has sent more than it may: for the handshake, beyond limit_input, or without
    /// content.
    bool got_too_much() const { return is_flooded_ || wire_errno_ == EMSGSIZE; }
    std::error_code last_error() const override { return error_; }
    std::string failure() const override { return failure_; }
    /// What came instead of a record, at most its first kSeenMaxBytes, when a client's handshake
    /// has failed of it; else empty.
    std::string_view seen() const { return is_tls_answer(seen_) ? std::string_view() : seen_; }

    /// A value that both ends of this session know and nobody else (RFC 5705; RFC 8446, 7.5). Empty
    /// if there is none that is safe to use (TLS 1.2 without RFC 7627).
    std::string exporter() const;
    /// Names of the verified peer's own certificate, see certificate_names. Empty without a
    /// certificate, and when it has expired since the handshake.
    std::vector<CertificateName> peer_names() const;
    /// From when until when the peer's certificate is valid; nothing without one.
    std::optional<Validity> peer_validity() const;
    /// Of a session from end to end, after its handshake: both sides compress what it carries
    /// (ALPN, RFC 7301).
    bool agreed_compression() const;
    /// As "TLSv1.3".
    std::string_view version() const;
    bool was_resumed() const;  // only tests

  private:
    friend struct TlsWire;

    void see(std::string_view bytes);
    bool flush();
    ssize_t read_result(int ssl_error);
    ssize_t write_result(int ssl_error);
    ssize_t failure_of(int ssl_error);
    int error_number() const;
    ssize_t end_below();
    void fail(int reason);
    std::size_t record_size();

    ByteLayer* below_ = nullptr;  // nothing: before attach()
    SslPtr ssl_;

    // The lower side, as OpenSSL sees it.
    std::optional<std::string> captured_;  // output, instead of going there
    std::size_t input_left_;               // what may still be taken from there
    std::string unsent_;                   // output that met a full socket
    int wire_errno_ = 0;
    bool wire_ended_ = false;
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
