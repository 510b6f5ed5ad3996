// Ways in which a socket treats a TLS session: slowly, watched, full.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tls_pair.hpp"

namespace inout {

/// Calls that move at most `piece` bytes, and about every other time nothing at all.
class SlowCalls : public SocketCalls {
  public:
    explicit SlowCalls(std::size_t piece) : piece_(piece) {}
    ssize_t recv(int fd, void* buffer, std::size_t size) override {
        return is_off() ? -1 : SocketCalls::recv(fd, buffer, std::min(size, piece_));
    }
    ssize_t send(int fd, const void* data, std::size_t size) override {
        return is_off() ? -1 : SocketCalls::send(fd, data, std::min(size, piece_));
    }

  private:
    bool is_off() {
        const auto dice = random_() % 8;
        errno = dice == 0 ? EINTR : EAGAIN;
        return dice < 4;
    }
    const std::size_t piece_;
    std::minstd_rand random_;
};

/// Notes what goes out and counts what comes in, which ends after `left` bytes.
class WatchedCalls : public SocketCalls {
  public:
    ssize_t recv(int fd, void* buffer, std::size_t size) override {
        ++recv_calls;
        if (left == 0) return 0;
        const ssize_t n = SocketCalls::recv(fd, buffer, std::min(size, left));
        if (n > 0) {
            left -= static_cast<std::size_t>(n);
            received += static_cast<std::size_t>(n);
        }
        return n;
    }
    ssize_t send(int fd, const void* data, std::size_t size) override {
        const ssize_t n = SocketCalls::send(fd, data, size);
        if (n > 0) sent.append(static_cast<const char*>(data), static_cast<std::size_t>(n));
        return n;
    }
    /// The payloads of the records that went out, without what TLS 1.3 adds (RFC 8446, 5.2).
    std::vector<std::size_t> records() const {
        std::vector<std::size_t> sizes;
        for (std::size_t at = 0; at + 5 <= sent.size();) {
            const std::size_t size = static_cast<unsigned char>(sent[at + 3]) * 256U +
                                     static_cast<unsigned char>(sent[at + 4]);
            sizes.push_back(size - 17);
            at += 5 + size;
        }
        return sizes;
    }

    std::size_t left = std::numeric_limits<std::size_t>::max();
    std::size_t received = 0, recv_calls = 0;
    std::string sent;
};

/// Sends until there is no room; what was accepted. The last write has failed with EAGAIN.
inline std::string fill(TlsSession& session) {
    const std::string piece = some_bytes(16'384);
    std::string accepted;
    for (int full = 0; full < 20;) {  // the kernel makes room for a moment after it said "full"
        const ssize_t n = session.write(piece);
        if (n > 0) {
            accepted.append(piece, 0, static_cast<std::size_t>(n));
            full = 0;
        } else {
            EXPECT_EQ(errno, EAGAIN);
            ++full;
            ::poll(nullptr, 0, 1);
        }
    }
    return accepted;
}

}  // namespace inout
