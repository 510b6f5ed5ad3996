// TlsWire: the lower side of a TlsSession for OpenSSL: a BIO over the layer below. OpenSSL's own
// socket BIO hides errno and knows no layers. No state of its own;
// part of TlsSession.
//
// After the handshake it takes all that OpenSSL writes: what meets a full socket waits in the
// session. OpenSSL itself holds one record at most, and fails when it must answer a key update
// while one is held. On its session's thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string_view>

struct bio_st;
struct ssl_st;

namespace inout {

class TlsSession;

struct TlsWire {
    /// Makes it what the session's OpenSSL reads, writes and reports to. Throws std::bad_alloc.
    static void connect(TlsSession& session);
    /// Sends what waits; false: not all of it, with errno.
    static bool flush(TlsSession& session);

  private:
    static ssize_t receive(TlsSession& session, std::span<char> into);
    static ssize_t put(TlsSession& session, std::string_view data);
    static bool hold(TlsSession& session, std::string_view data);
    static int read(bio_st* bio, char* data, int size);
    static int write(bio_st* bio, const char* data, int size);
    static int finish(bio_st* bio, TlsSession& session, ssize_t result, bool reading);
    static long control(bio_st* bio, int command, long, void*);
    static void observe(int sent, int version, int type, const void* data, std::size_t size,
                        ssl_st* ssl, void* session);
    friend struct TlsWireMethod;
};

}  // namespace inout
