#include "common/tls/bio.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <limits>
#include <new>

#include "common/tls/session.hpp"

namespace inout {
namespace {

/// Keeps OpenSSL's error of this session while the layer below is called, which, if it is one too,
/// begins with an empty queue: an alert is sent after the error that it tells of was raised.
class KeptError {
  public:
    KeptError() : code_(ERR_peek_error()) {}
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

struct TlsWireMethod {
    static const BIO_METHOD* get() {
        static const BIO_METHOD* const instance = [] {
            BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "inout");
            BIO_meth_set_read(made, TlsWire::read);
            BIO_meth_set_write(made, TlsWire::write);
            BIO_meth_set_ctrl(made, TlsWire::control);
            return made;
        }();
        return instance;
    }
};

void TlsWire::connect(TlsSession& session) {
    BIO* const bio = BIO_new(TlsWireMethod::get());
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, &session);
    BIO_set_init(bio, 1);
    SSL* const ssl = session.ssl_.get();
    SSL_set_bio(ssl, bio, bio);  // takes both references, which are one here
    SSL_set_msg_callback(ssl, observe);
    SSL_set_msg_callback_arg(ssl, &session);
}

ssize_t TlsWire::receive(TlsSession& s, std::span<char> into) {
    if (s.is_flooded_) {
        errno = EPROTO;
        return -1;
    }
    const std::size_t left = std::min(into.size(), s.input_left_);
    ssize_t n = 0;
    if (left == 0) {
        errno = EMSGSIZE;
        return -1;
    }
    if (s.captured_) {
        errno = EAGAIN;  // what is there belongs to others
        return -1;
    } else {
        const KeptError kept;
        n = s.below_->read(into.first(left));
    }
    const bool limited = s.input_left_ != std::numeric_limits<std::size_t>::max();
    if (n > 0) s.see({into.data(), static_cast<std::size_t>(n)});
    if (n > 0 && limited) s.input_left_ -= static_cast<std::size_t>(n);
    return n;
}

int TlsWire::read(BIO* bio, char* data, int size) {
    auto& s = *static_cast<TlsSession*>(BIO_get_data(bio));
    return finish(bio, s, receive(s, {data, static_cast<std::size_t>(size)}), true);
}

ssize_t TlsWire::put(TlsSession& s, std::string_view data) {
    const KeptError kept;
    return s.below_->write(data);
}

bool TlsWire::flush(TlsSession& s) {
    std::string_view rest = s.unsent_;
    ssize_t n = 0;
    while (!rest.empty()) {
        n = put(s, rest);
        if (n < 0) break;
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
    if (rest.empty()) {
        s.unsent_ = {};  // the memory too: most sessions are idle
        return true;
    }
    s.unsent_.erase(0, s.unsent_.size() - rest.size());
    if (errno == EINTR) errno = EAGAIN;  // the next event comes all the same
    if (errno != EAGAIN) s.wire_errno_ = errno;
    return false;
}

/// Takes all of it, if there is room. Whatever is held already goes first.
bool TlsWire::hold(TlsSession& s, std::string_view data) {
    while (s.unsent_.empty() && !data.empty()) {
        const ssize_t n = put(s, data);
        if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (n < 0) break;
        data.remove_prefix(static_cast<std::size_t>(n));
    }
    // Too much waits when a peer lets us answer and does not read it. A record that is left out
    // ends the session: the next one would make no sense to the peer.
    s.is_flooded_ = s.unsent_.size() + data.size() > kTlsUnsentMaxBytes;
    errno = ENOBUFS;
    if (s.is_flooded_) return false;
    try {
        s.unsent_.append(data);
    } catch (const std::exception&) {  // OpenSSL, in between, knows no exceptions
        s.is_flooded_ = true;
        errno = ENOMEM;
    }
    return !s.is_flooded_;
}

int TlsWire::write(BIO* bio, const char* data, int size) {
    auto& s = *static_cast<TlsSession*>(BIO_get_data(bio));
    const std::string_view bytes(data, static_cast<std::size_t>(size));
    ssize_t n = 0;
    if (s.is_flooded_) {
        errno = EPROTO;
        n = -1;
    } else if (s.captured_) {
        try {
            s.captured_->append(bytes);
            n = size;
        } catch (const std::exception&) {
            errno = ENOMEM;
            n = -1;
        }
    } else if (s.handshaken_) {
        n = hold(s, bytes) ? size : -1;
    } else {
        n = put(s, bytes);
    }
    if (n < 0 && s.reading_ && errno != EAGAIN && errno != EINTR) {
        // What the peer has said counts more, such as an alert. Whoever writes next is told.
        s.wire_errno_ = errno;
        return size;
    }
    return finish(bio, s, n, false);
}

int TlsWire::finish(BIO* bio, TlsSession& s, ssize_t n, bool reading) {
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        // After EINTR there is nothing to wait for; the next event comes all the same.
        const bool crossed =
            errno == EAGAIN && s.below_ != nullptr &&
            (reading ? s.below_->read_wants_write() : s.below_->write_wants_read());
        if (reading != crossed) {
            BIO_set_retry_read(bio);
        } else {
            BIO_set_retry_write(bio);
        }
    } else if (n < 0) {
        s.wire_errno_ = errno;
    } else if (n == 0) {
        s.wire_ended_ = true;
    }
    return static_cast<int>(n);
}

long TlsWire::control(BIO* bio, int command, long, void*) {
    auto& s = *static_cast<TlsSession*>(BIO_get_data(bio));
    if (command == BIO_CTRL_EOF) return s.wire_ended_ ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/// OpenSSL tells of each record and each handshake message (SSL_set_msg_callback(3)). Those that
/// come after the handshake are key updates, tickets, requests to renegotiate, or empty; a record
/// with content is paid back when it is read. One buffer holds hundreds of them, so that refusing
/// to read on is not enough: as if the peer had ended, OpenSSL stops at once.
void TlsWire::observe(int sent, int, int type, const void*, std::size_t, SSL* ssl, void* session) {
    auto& s = *static_cast<TlsSession*>(session);
    if (sent != 0 || !s.handshaken_) return;
    if (type == SSL3_RT_HEADER) {
        s.unpaid_record_ = true;
    } else if (type != SSL3_RT_HANDSHAKE) {
        return;
    }
    ++s.work_;
    if (++s.idle_work_ <= kTlsIdleWorkMax) return;
    s.is_flooded_ = true;
    SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}

}  // namespace inout
