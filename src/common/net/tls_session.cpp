#include "common/net/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/net/tls_context.hpp"
#include "common/net/tls_names.hpp"

namespace inout {
namespace {

class TlsCategory : public std::error_category {
  public:
    const char* name() const noexcept override { return "tls"; }
    std::string message(int reason) const override {
        if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return "cut without close_notify";
        const char* text = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason));
        return text != nullptr ? text : "TLS error " + std::to_string(reason);
    }
};

ssize_t would_block() {
    errno = EAGAIN;
    return -1;
}

/// Keeps OpenSSL's error of the inner session while the outer one is called, which begins with an
/// empty queue: an alert is sent after the error that it tells of was raised.
class KeptError {
  public:
    explicit KeptError(bool has_outer) : code_(has_outer ? ERR_peek_error() : 0) {}
    KeptError(const KeptError&) = delete;
    KeptError& operator=(const KeptError&) = delete;
    ~KeptError() {
        if (code_ == 0) return;
        const int number = errno;
        ERR_clear_error();
        ERR_raise(ERR_GET_LIB(code_), ERR_GET_REASON(code_));
        errno = number;
    }

  private:
    const unsigned long code_;
};

}  // namespace

const std::error_category& tls_category() {
    static const TlsCategory instance;
    return instance;
}

void SslDeleter::operator()(ssl_st* ssl) const { SSL_free(ssl); }

/// The lower side of a session for OpenSSL: a BIO over the socket or over the outer session.
/// OpenSSL's own socket BIO hides errno and can not give bytes back that were read before it.
struct TlsWire {
    static ssize_t receive(TlsSession& s, std::span<char> into) {
        if (!s.already_read_.empty()) {
            const std::size_t n = std::min(into.size(), s.already_read_.size());
            std::copy_n(s.already_read_.begin(), n, into.begin());
            s.already_read_.erase(0, n);
            return static_cast<ssize_t>(n);
        }
        if (s.captured_ != nullptr) return would_block();  // what is there belongs to others
        if (!s.handshaken_ && SSL_is_server(s.ssl_.get()) == 1) {
            into = into.first(std::min(into.size(), s.handshake_left_));
            if (into.empty()) {
                errno = EMSGSIZE;
                return -1;
            }
        } else if (s.handshaken_ && s.turn_left_ < into.size()) {
            // Records without content, such as key updates, could keep one call busy for ever.
            s.wire_drained_ = false;
            return would_block();
        }
        const KeptError kept(s.outer_ != nullptr);
        const ssize_t n =
            s.outer_ ? s.outer_->read(into) : s.calls_.recv(s.fd_, into.data(), into.size());
        if (n > 0) {
            auto& left = s.handshaken_ ? s.turn_left_ : s.handshake_left_;
            left -= std::min(left, static_cast<std::size_t>(n));
        }
        s.wire_drained_ = s.outer_ ? s.outer_->drained() : n < static_cast<ssize_t>(into.size());
        return n;
    }

    static int read(BIO* bio, char* data, int size) {
        auto& s = *static_cast<TlsSession*>(BIO_get_data(bio));
        const ssize_t n = receive(s, {data, static_cast<std::size_t>(size)});
        return finish(bio, s, n, retry_read);
    }

    static int write(BIO* bio, const char* data, int size) {
        auto& s = *static_cast<TlsSession*>(BIO_get_data(bio));
        const std::string_view bytes(data, static_cast<std::size_t>(size));
        if (s.captured_ != nullptr) {
            s.captured_->append(bytes);
            return size;
        }
        const KeptError kept(s.outer_ != nullptr);
        const ssize_t n =
            s.outer_ ? s.outer_->write(bytes) : s.calls_.send(s.fd_, data, bytes.size());
        if (n < 0 && s.reading_ && errno != EAGAIN && errno != EINTR) {
            // What the peer has said counts more, such as an alert. Whoever writes next is told.
            s.wire_errno_ = errno;
            return size;
        }
        return finish(bio, s, n, retry_write);
    }

    static void retry_read(BIO* bio) { BIO_set_retry_read(bio); }
    static void retry_write(BIO* bio) { BIO_set_retry_write(bio); }

    static int finish(BIO* bio, TlsSession& s, ssize_t n, void (*set_retry)(BIO*)) {
        BIO_clear_retry_flags(bio);
        if (n < 0 && errno == EINTR) {
            set_retry(bio);  // nothing to wait for; the next event comes all the same
        } else if (n < 0 && errno == EAGAIN) {
            const bool reading = set_retry == retry_read;
            const bool crossed =
                s.outer_ && (reading ? s.outer_->read_wants_write() : s.outer_->write_wants_read());
            (reading != crossed ? retry_read : retry_write)(bio);
        } else if (n < 0) {
            s.wire_errno_ = errno;
        } else if (n == 0) {
            s.wire_ended_ = true;
        }
        return static_cast<int>(n);
    }

    static long control(BIO* bio, int command, long, void*) {
        auto& s = *static_cast<TlsSession*>(BIO_get_data(bio));
        if (command == BIO_CTRL_EOF) return s.wire_ended_ ? 1 : 0;
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }

    static const BIO_METHOD* method() {
        static const BIO_METHOD* const instance = [] {
            BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "inout");
            BIO_meth_set_read(made, read);
            BIO_meth_set_write(made, write);
            BIO_meth_set_ctrl(made, control);
            return made;
        }();
        return instance;
    }
};

TlsSession::TlsSession(SslPtr ssl, int fd, std::string_view already_read, SocketCalls& calls)
    : fd_(fd), calls_(calls), ssl_(std::move(ssl)), already_read_(already_read) {
    const bool asks = (SSL_get_verify_mode(ssl_.get()) & SSL_VERIFY_PEER) != 0;
    handshake_left_ = asks ? kTlsCertificatesMaxBytes : kTlsHandshakeMaxBytes;
    BIO* bio = BIO_new(TlsWire::method());
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);  // takes both references, which are one here
}

TlsSession::~TlsSession() = default;

void TlsSession::attach(int fd, std::unique_ptr<TlsSession> outer) {
    fd_ = fd;
    outer_ = std::move(outer);
}

void TlsSession::detach() {
    fd_ = -1;
    if (outer_) outer_->detach();
}

TlsSession::Handshake TlsSession::handshake() {
    if (read_failed_) return Handshake::failed;
    ERR_clear_error();
    reading_ = true;
    const int result = SSL_do_handshake(ssl_.get());
    reading_ = false;
    if (result == 1) {
        handshaken_ = true;
        return Handshake::done;
    }
    const ssize_t n = read_result(SSL_get_error(ssl_.get(), result));
    if (n < 0 && errno == EAGAIN) return Handshake::wait;
    if (n == 0) {  // a close_notify, which is no end before there is a session
        fail(SSL_R_UNEXPECTED_EOF_WHILE_READING);
        read_failed_ = true;
    }
    return Handshake::failed;
}

std::string TlsSession::first_flight() {
    std::string flight;
    captured_ = &flight;
    handshake();
    captured_ = nullptr;
    return flight;
}

ssize_t TlsSession::read(std::span<char> into) {
    if (read_failed_) {  // the kernel tells an error only once
        errno = error_number();
        return -1;
    }
    ERR_clear_error();
    read_wants_write_ = false;
    turn_left_ = kTlsTurnBytes;
    reading_ = true;
    std::size_t n = 0;
    const bool read = SSL_read_ex(ssl_.get(), into.data(), into.size(), &n) == 1;
    reading_ = false;
    if (read) return static_cast<ssize_t>(n);
    const ssize_t result = read_result(SSL_get_error(ssl_.get(), 0));
    // A session ticket makes OpenSSL 3.0 allocate a write buffer, which SSL_MODE_RELEASE_BUFFERS
    // gives back after the next write only: 16 kB for an idle connection of a client.
    SSL_free_buffers(ssl_.get());
    return result == 0 && outer_ ? outer_end() : result;
}

/// This session has ended; its end is whole when the outer one's is read too, or that would stay in
/// the kernel's buffer, and closing a socket with unread bytes in it is an RST (tcp(7)).
ssize_t TlsSession::outer_end() {
    std::array<char, 64> nothing;
    const ssize_t n = outer_->read(nothing);
    if (n > 0) {
        fail(SSL_R_DATA_LENGTH_TOO_LONG);  // a relay that adds to what has ended
        errno = EPROTO;
        return -1;
    }
    if (n == 0) return 0;
    if (errno == EAGAIN) {
        read_wants_write_ = outer_->read_wants_write();
        return n;
    }
    // What only the outer session misses is nothing to us, but the kernel tells of an RST once.
    if (outer_->error_.category() != std::system_category()) return 0;
    error_ = outer_->error_;
    failure_ = outer_->failure_;
    read_failed_ = true;
    errno = error_number();
    return -1;
}

/// Small records at the beginning of a burst, so that the first bytes need not wait for the last
/// ones of a large record; then the largest, which cost the least.
std::size_t TlsSession::record_size() {
    if (pending_write_ > 0) return pending_write_;
    const auto now = Clock::now();
    if (now - last_write_ > kTlsBurstPause) burst_bytes_ = 0;
    last_write_ = now;
    const std::size_t size = burst_bytes_ < kTlsSmallBytes ? kTlsSmallRecord : kTlsRecord;
    return outer_ ? size - kTlsRecordOverhead : size;
}

ssize_t TlsSession::write(std::string_view data) {
    ERR_clear_error();
    const std::size_t size = std::min(data.size(), record_size());
    std::size_t n = 0;
    if (SSL_write_ex(ssl_.get(), data.data(), size, &n) == 1) {
        pending_write_ = 0;
        burst_bytes_ += n;
        return static_cast<ssize_t>(n);
    }
    const ssize_t result = write_result(SSL_get_error(ssl_.get(), 0));
    if (result < 0 && errno == EAGAIN) {
        pending_write_ = size;  // OpenSSL holds a record of exactly these bytes
        return result;
    }
    if (result == 0) {  // can not be; as a number of bytes it would be asked for ever
        errno = EPIPE;
        return -1;
    }
    return result;
}

int TlsSession::shutdown_send() {
    if (!notified_ && handshaken_) {  // without a session there is nothing to say
        ERR_clear_error();
        const int result = SSL_shutdown(ssl_.get());
        if (result < 0) {
            if (write_result(SSL_get_error(ssl_.get(), result)) == 0) errno = EPIPE;
            return -1;
        }
        notified_ = true;
    }
    return outer_ ? outer_->shutdown_send() : calls_.shutdown_send(fd_);
}

ssize_t TlsSession::read_result(int ssl_error) {
    read_wants_write_ = ssl_error == SSL_ERROR_WANT_WRITE;
    const ssize_t result = failure_of(ssl_error);
    read_failed_ = result < 0 && errno != EAGAIN;
    return result;
}

ssize_t TlsSession::write_result(int ssl_error) {
    write_wants_read_ = ssl_error == SSL_ERROR_WANT_READ;
    return failure_of(ssl_error);
}

ssize_t TlsSession::failure_of(int ssl_error) {
    if (ssl_error == SSL_ERROR_ZERO_RETURN) return 0;
    if (ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE) {
        return would_block();
    }
    const auto code = ERR_peek_error();
    if (ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET) {
        fail(ERR_GET_REASON(code));  // an alert: the peer's own words
    } else if (!failure_.empty()) {
        // The first one says more.
    } else if (outer_ && !outer_->failure_.empty()) {
        error_ = outer_->error_;
        failure_ = outer_->failure_;
    } else if (wire_errno_ == EMSGSIZE && !handshaken_) {
        fail(SSL_R_EXCESSIVE_MESSAGE_SIZE);
    } else if (wire_errno_ != 0) {
        // Also when OpenSSL saw a mere end: the kernel tells of an error once, perhaps to a send.
        error_ = {wire_errno_, std::system_category()};
        failure_ = error_.message();
    } else if (code != 0) {
        fail(ERR_GET_REASON(code));
    } else {
        fail(SSL_R_UNEXPECTED_EOF_WHILE_READING);
    }
    errno = error_number();
    return -1;
}

int TlsSession::error_number() const {
    return error_.category() == std::system_category() ? error_.value() : EPROTO;
}

void TlsSession::fail(int reason) {
    error_ = {reason, tls_category()};
    failure_ = error_.message();
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING && !handshaken_) {
        failure_ = "connection ended during the TLS handshake";
    }
    const long verified = SSL_get_verify_result(ssl_.get());
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
        failure_ += ": ";
        failure_ += verified == X509_V_ERR_APPLICATION_VERIFICATION
                        ? "the key is not the pinned one"
                        : X509_verify_cert_error_string(verified);
    }
}

bool TlsSession::drained() const {
    return wire_drained_ && already_read_.empty() && SSL_has_pending(ssl_.get()) == 0;
}

bool TlsSession::is_quiet() {
    char byte = 0;
    std::size_t n = 0;
    ERR_clear_error();
    turn_left_ = kTlsTurnBytes;
    reading_ = true;
    const bool read = SSL_peek_ex(ssl_.get(), &byte, 1, &n) == 1;
    reading_ = false;
    if (read) return false;
    const bool quiet = read_result(SSL_get_error(ssl_.get(), 0)) < 0 && errno == EAGAIN;
    SSL_free_buffers(ssl_.get());
    return quiet;
}

std::string TlsSession::exporter() const {
    static constexpr std::string_view kLabel = "EXPORTER-inout-proof-1";
    if (SSL_version(ssl_.get()) < TLS1_3_VERSION && SSL_get_extms_support(ssl_.get()) != 1) {
        return {};
    }
    std::string value(32, '\0');
    const int result =
        SSL_export_keying_material(ssl_.get(), reinterpret_cast<unsigned char*>(value.data()),
                                   value.size(), kLabel.data(), kLabel.size(), nullptr, 0, 0);
    return result == 1 ? value : std::string();
}

std::vector<CertificateName> TlsSession::peer_names() const {
    const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
    if (has_ended(*certificate)) return {};  // since the handshake
    return certificate_names(*certificate);
}

std::string TlsSession::description() const {
    return std::string(SSL_get_version(ssl_.get())) + " " + SSL_get_cipher_name(ssl_.get());
}

bool TlsSession::was_resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

}  // namespace inout
