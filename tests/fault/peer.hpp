// One end of a stream under test: every byte is checked against a pattern as it arrives.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <random>
#include <vector>

#include "../unit/loopback.hpp"

namespace inout {

/// Bytes that differ from place to place and from seed to seed, without storing what was sent.
class Pattern {
  public:
    explicit Pattern(unsigned seed) : table_(kPeriod + kPiece) {
        std::mt19937 random(seed);
        for (std::size_t i = 0; i < kPeriod; ++i) table_[i] = static_cast<char>(random());
        std::copy_n(table_.begin(), kPiece, table_.begin() + kPeriod);
    }
    /// The bytes from `offset`, of which kPiece may be looked at.
    const char* at(std::size_t offset) const { return table_.data() + offset % kPeriod; }

    static constexpr std::size_t kPiece = 32'768;

  private:
    // A prime: no power of two hides a shift by itself.
    static constexpr std::size_t kPeriod = 65'521;
    std::vector<char> table_;
};

/// One end of a stream: sends a pattern, checks what it receives against another.
class Peer {
  public:
    /// The seeds of what it sends and of what it expects.
    Peer(unsigned sends, unsigned receives) : outgoing(sends), incoming(receives) {}

    /// What can be done now; true if something was.
    bool turn() {
        if (!fd) return false;
        const bool sent_some = send_some();
        const bool received_some = reading && end == End::none && receive_some();
        return sent_some || received_some;
    }

    /// Its input has ended, or it has reset its connection.
    bool ended() const { return !fd || end != End::none; }

    const Pattern outgoing, incoming;
    UniqueFd fd;
    std::size_t to_send = 0;  ///< in all
    bool fin_after = false;   ///< FIN when all is sent
    bool reading = true;
    std::size_t sent = 0, received = 0;
    bool corrupt = false;  ///< a byte was not what the other side sent
    bool send_failed = false;
    End end = End::none;  ///< how its input ended

  private:
    bool send_some() {
        if (send_failed) return false;
        if (sent == to_send) {
            if (!fin_after) return false;
            fin_after = false;
            return ::shutdown(fd.get(), SHUT_WR) == 0;
        }
        const std::size_t size = std::min(to_send - sent, Pattern::kPiece);
        const ssize_t n = ::send(fd.get(), outgoing.at(sent), size, MSG_NOSIGNAL);
        if (n < 0) {
            send_failed = errno != EAGAIN;
            // The kernel reports a reset once: to this call or to a later recv.
            if (send_failed && errno == ECONNRESET) end = End::rst;
            if (send_failed && errno == EPIPE && end == End::none) sent_into_reset_ = true;
            return false;
        }
        sent += static_cast<std::size_t>(n);
        return true;
    }

    bool receive_some() {
        static char buffer[Pattern::kPiece];
        const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
        if (n > 0) {
            corrupt = corrupt ||
                      std::memcmp(buffer, incoming.at(received), static_cast<std::size_t>(n)) != 0;
            received += static_cast<std::size_t>(n);
            return true;
        }
        if (n == 0) end = sent_into_reset_ ? End::rst : End::fin;
        if (n < 0 && errno != EAGAIN) end = End::rst;
        return false;
    }

    bool sent_into_reset_ = false;
};

}  // namespace inout
