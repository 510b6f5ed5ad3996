#include "common/tls/session.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <new>
#include <utility>

#include "common/tls/bio.hpp"
#include "common/tls/context.hpp"
#include "common/tls/files.hpp"
#include "common/tls/names.hpp"

namespace inout {
namespace {

ssize_t would_block() {
    errno = EAGAIN;
    return -1;
}

}  // namespace

void SslDeleter::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsSession::TlsSession(SslPtr ssl) : ssl_(std::move(ssl)) {
    const bool asks = (SSL_get_verify_mode(ssl_.get()) & SSL_VERIFY_PEER) != 0;
    const std::size_t client_max = asks ? kTlsCertificatesMaxBytes : kTlsHandshakeMaxBytes;
    input_left_ = SSL_is_server(ssl_.get()) == 1 ? client_max : kTlsServerFlightMaxBytes;
    TlsWire::connect(*this);
}

TlsSession::~TlsSession() = default;

bool is_tls_answer(std::string_view bytes) {
    return bytes.size() >= 3 && (bytes[0] == 0x15 || bytes[0] == 0x16) && bytes[1] == 3;
}

TlsSession::Handshake TlsSession::handshake() {
    if (read_failed_) return Handshake::failed;
    ERR_clear_error();
    reading_ = true;
    const int result = SSL_do_handshake(ssl_.get());
    reading_ = false;
    if (result == 1) {
        handshaken_ = true;
        limit_input(std::nullopt);
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

/// Of what begins a record no more is kept than a string holds without allocating.
void TlsSession::see(std::string_view bytes) try {
    if (handshaken_ || SSL_is_server(ssl_.get()) == 1) return;
    const std::size_t most = is_tls_answer(seen_) || is_tls_answer(bytes) ? 3 : kSeenMaxBytes;
    seen_.append(bytes.substr(0, most - std::min(most, seen_.size())));
} catch (const std::bad_alloc&) {
    // It is for the log only; and OpenSSL, in between, knows no exceptions.
}

std::string TlsSession::first_flight() {
    captured_.emplace();
    handshake();
    std::string flight = std::move(*captured_);
    captured_.reset();
    return flight;
}

void TlsSession::limit_input(std::optional<std::size_t> bytes) {
    input_left_ = bytes.value_or(std::numeric_limits<std::size_t>::max());
}

ssize_t TlsSession::read(std::span<char> into) {
    if (read_failed_) {  // the kernel tells an error only once
        errno = error_number();
        return -1;
    }
    ERR_clear_error();
    read_wants_write_ = false;
    reading_ = true;
    std::size_t n = 0;
    const bool read = SSL_read_ex(ssl_.get(), into.data(), into.size(), &n) == 1;
    reading_ = false;
    if (read) {
        // A record with content pays for itself and for one without.
        if (std::exchange(unpaid_record_, false)) idle_work_ -= std::min(idle_work_, 2U);
        return static_cast<ssize_t>(n);
    }
    const ssize_t result = read_result(SSL_get_error(ssl_.get(), 0));
    // A session ticket makes OpenSSL 3.0 allocate a write buffer, which SSL_MODE_RELEASE_BUFFERS
    // gives back after the next write only: 16 kB for an idle connection of a client.
    SSL_free_buffers(ssl_.get());
    return result == 0 ? end_below() : result;
}

/// This session has ended. Over another one, its end is whole when that one's is read too, or it
/// would stay in the kernel's buffer, and closing a socket with unread bytes is an RST (tcp(7)).
ssize_t TlsSession::end_below() {
    if (below_->record_overhead() == 0) return 0;
    std::array<char, 64> nothing;
    const ssize_t n = below_->read(nothing);
    if (n > 0) {
        fail(SSL_R_DATA_LENGTH_TOO_LONG);  // a relay that adds to what has ended
        errno = EPROTO;
        return -1;
    }
    if (n == 0) return 0;
    if (errno == EAGAIN) {
        read_wants_write_ = below_->read_wants_write();
        return n;
    }
    // What only that one misses is nothing to us, but the kernel tells of an RST once.
    if (below_->last_error().category() != std::system_category()) return 0;
    error_ = below_->last_error();
    failure_ = below_->failure();
    read_failed_ = true;
    errno = error_number();
    return -1;
}

/// Small records at the beginning of a burst, so that the first bytes need not wait for the last
/// ones of a large record; then the largest, which cost the least.
std::size_t TlsSession::record_size() {
    const auto now = Clock::now();
    if (now - last_write_ > kTlsBurstPause) burst_bytes_ = 0;
    last_write_ = now;
    const std::size_t size = burst_bytes_ < kTlsSmallBytes ? kTlsSmallRecord : kTlsRecord;
    return size - below_->record_overhead();
}

ssize_t TlsSession::write(std::string_view data) {
    ERR_clear_error();
    if (!flush()) return -1;
    // After EAGAIN: the record of these bytes was held, and has left now.
    std::size_t n = std::exchange(pending_write_, 0);
    if (n > 0) return static_cast<ssize_t>(n);
    const std::size_t size = std::min(data.size(), record_size());
    if (SSL_write_ex(ssl_.get(), data.data(), size, &n) != 1) {
        const ssize_t result = write_result(SSL_get_error(ssl_.get(), 0));
        if (result == 0) errno = EPIPE;  // can not be; as a number of bytes it would be asked again
        return -1;
    }
    burst_bytes_ += n;
    if (unsent_.empty()) return static_cast<ssize_t>(n);
    pending_write_ = n;
    return would_block();
}

/// True: nothing is held any more. Otherwise errno as after a write.
bool TlsSession::flush() {
    if (unsent_.empty() || TlsWire::flush(*this)) return true;
    write_wants_read_ = below_->write_wants_read();
    if (errno == EAGAIN) return false;
    write_result(SSL_ERROR_SYSCALL);
    return false;
}

int TlsSession::shut_send() {
    if (!notified_ && handshaken_) {  // without a session there is nothing to say
        ERR_clear_error();
        const int result = SSL_shutdown(ssl_.get());
        if (result < 0) {
            if (write_result(SSL_get_error(ssl_.get(), result)) == 0) errno = EPIPE;
            return -1;
        }
        notified_ = true;
    }
    ERR_clear_error();
    if (!flush()) return -1;
    return below_->shut_send();
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
    // OpenSSL takes what TlsWire::observe says to it for a close_notify; it is none.
    if (ssl_error == SSL_ERROR_ZERO_RETURN && !is_flooded_) return 0;
    if (ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE) {
        return would_block();
    }
    const auto code = ERR_peek_error();
    if (ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET) {
        fail(ERR_GET_REASON(code));  // an alert: the peer's own words
        errno = error_number();
        return -1;
    }
    if (!failure_.empty()) {
        // The first one says more.
    } else if (below_->last_error()) {
        error_ = below_->last_error();
        failure_ = below_->failure();
    } else if (is_flooded_) {
        fail(SSL_R_TOO_MANY_KEY_UPDATES);
    } else if (wire_errno_ == EMSGSIZE) {
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

bool TlsSession::is_drained() const {
    // What has failed a read says, and what waits for room only a read goes on with.
    if (read_failed_ || is_flooded_ || read_wants_write_) return false;
    // The end says so at each read, and no event of the socket need follow it.
    if ((SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0) return false;
    return below_->is_drained() && SSL_has_pending(ssl_.get()) == 0;
}

bool TlsSession::is_quiet() {
    char byte = 0;
    std::size_t n = 0;
    ERR_clear_error();
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

std::optional<Validity> TlsSession::peer_validity() const {
    const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return std::nullopt;
    return validity_of(*certificate);
}

bool TlsSession::agreed_compression() const {
    const unsigned char* name = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return size > 0;  // there is one that can be chosen
}

std::string_view TlsSession::version() const { return SSL_get_version(ssl_.get()); }

std::size_t TlsSession::record_overhead() const {
    return kTlsRecordOverhead + below_->record_overhead();
}

unsigned TlsSession::take_work() { return std::exchange(work_, 0) + below_->take_work(); }

bool TlsSession::was_resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

}  // namespace inout
