// The bytes of a bulk transfer: each position has its own, so loss, repetition and disorder show.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <stdexcept>
#include <vector>

#include "load/sockets.hpp"

namespace inout::bench {

/// One write, and the most that one comparing read takes.
inline constexpr std::size_t kChunkBytes = 262'144;

/// kChunkBytes of the endless pattern from `position` on.
inline const char* pattern(std::uint64_t position) {
    // A prime, so that no buffer's size divides it: what is a buffer off looks different.
    constexpr std::size_t kPeriodBytes = 65'521;
    static const std::vector<char> bytes = [] {
        std::mt19937 random;  // the same in every process
        std::vector<char> made(kPeriodBytes + kChunkBytes);
        for (std::size_t i = 0; i < made.size(); ++i) {
            made[i] = i < kPeriodBytes ? static_cast<char>(random()) : made[i - kPeriodBytes];
        }
        return made;
    }();
    return bytes.data() + position % kPeriodBytes;
}

/// Sends the pattern.
class PatternWriter {
  public:
    /// As much as the socket takes of one chunk; false if the connection is broken.
    bool write(int fd) {
        const ssize_t n = ::send(fd, pattern(bytes_), kChunkBytes, MSG_NOSIGNAL);
        if (n > 0) bytes_ += static_cast<std::uint64_t>(n);
        return n >= 0 || errno == EAGAIN;
    }
    std::uint64_t bytes() const { return bytes_; }

  private:
    std::uint64_t bytes_ = 0;
};

/// Receives the pattern and throws if it is something else.
class PatternReader {
  public:
    /// As recv(2). One read in kCheckEvery is compared; the bytes of the others end in the kernel
    /// (MSG_TRUNC, tcp(7)), which leaves the processors to what is measured. What gets lost there
    /// shifts all that is compared later.
    ssize_t read(int fd) {
        static std::vector<char> buffer(kChunkBytes);
        const bool compared = reads_++ % kCheckEvery == 0;
        const ssize_t n = compared ? ::recv(fd, buffer.data(), buffer.size(), 0)
                                   : ::recv(fd, nullptr, kDiscardBytes, MSG_TRUNC);
        if (n > 0 && compared) {
            take(buffer.data(), static_cast<std::size_t>(n));
        } else if (n > 0) {
            bytes_ += static_cast<std::uint64_t>(n);
        }
        return n;
    }

    /// What another read brought.
    void take(const char* data, std::size_t size) {
        if (std::memcmp(data, pattern(bytes_), size) != 0) {
            throw std::runtime_error("wrong data after byte " + std::to_string(bytes_));
        }
        bytes_ += size;
    }

    std::uint64_t bytes() const { return bytes_; }

  private:
    static constexpr unsigned kCheckEvery = 16;
    static constexpr std::size_t kDiscardBytes = 1'048'576;

    std::uint64_t bytes_ = 0;
    unsigned reads_ = 0;
};

}  // namespace inout::bench
