// Leg: one end of a direction for the pump: a socket, and the TLS on it if there is some. Borrowed
// from its Connection for one call. On the Connection's worker.
#pragma once

namespace inout {

class TlsSession;

struct Leg {
    Leg(int descriptor, TlsSession* session = nullptr) : fd(descriptor), tls(session) {}
    int fd;
    TlsSession* tls;
};

}  // namespace inout
