// The data plane's system calls, made to fall short, to be interrupted and to fail, by a seed.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <random>

#include "../unit/calls_layer.hpp"

namespace inout {

/// What goes wrong, and how often (0 to 1).
struct Faults {
    double short_count = 0;
    double interrupted = 0;
    double would_block = 0;
    bool splice_unsupported = false;
};

class FaultyCalls : public SocketCalls {
  public:
    explicit FaultyCalls(Faults faults = {}, unsigned seed = 1) : faults_(faults), random_(seed) {}

    ssize_t recv(int fd, void* buffer, std::size_t size) override {
        if (fails()) return -1;
        return SocketCalls::recv(fd, buffer, shortened(size));
    }
    ssize_t send(int fd, const void* data, std::size_t size) override {
        if (fails()) return -1;
        return SocketCalls::send(fd, data, shortened(size));
    }
    ssize_t splice(int from, int to, std::size_t size) override {
        if (faults_.splice_unsupported) {
            errno = EINVAL;
            return -1;
        }
        if (fails()) return -1;
        const ssize_t n = SocketCalls::splice(from, to, shortened(size));
        if (n > 0) spliced_ += static_cast<std::uint64_t>(n);
        return n;
    }
    int shutdown_send(int fd) override {
        if (is_failure()) return -1;
        return SocketCalls::shutdown_send(fd);
    }

    /// The n-th call from now on fails with this error, once.
    void fail_call(std::uint64_t n, int error) {
        failing_call_ = calls_ + n;
        error_ = error;
    }
    /// Called before each call, with its number.
    std::function<void(std::uint64_t)> before_call;
    std::uint64_t calls() const { return calls_; }
    /// Bytes into pipes and out of them.
    std::uint64_t spliced() const { return spliced_; }
    bool failed() const { return failed_; }

  private:
    bool chance(double probability) {
        return probability > 0 && std::uniform_real_distribution<>(0, 1)(random_) < probability;
    }

    bool is_failure() {
        ++calls_;
        if (before_call) before_call(calls_);
        if (calls_ != failing_call_) return false;
        failed_ = true;
        errno = error_;
        return true;
    }

    bool fails() {
        if (is_failure()) return true;
        if (chance(faults_.interrupted)) {
            errno = EINTR;
            return true;
        }
        if (chance(faults_.would_block)) {
            errno = EAGAIN;
            return true;
        }
        return false;
    }

    std::size_t shortened(std::size_t size) {
        if (!chance(faults_.short_count)) return size;
        // Mostly a little short, now and then a single byte.
        const std::size_t limit = chance(0.2) ? 1 : size;
        return std::uniform_int_distribution<std::size_t>(1, limit)(random_);
    }

    Faults faults_;
    std::mt19937 random_;
    std::uint64_t calls_ = 0, spliced_ = 0;
    std::uint64_t failing_call_ = 0;  // 0: none
    int error_ = 0;
    bool failed_ = false;
};

}  // namespace inout
