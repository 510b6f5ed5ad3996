// Two layers with a wire between them that is only memory: what arrives when, and how much of it is
// taken, is the test's to say.
#pragma once

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "common/os/byte_layer.hpp"

namespace inout {

/// One end of it.
class MemoryEnd final : public ByteLayer {
  public:
    static constexpr std::size_t kNoLimit = std::string::npos;

    void connect(MemoryEnd& peer) {
        peer_ = &peer;
        peer.peer_ = this;
    }

    std::size_t room = kNoLimit;        ///< so many bytes more are taken
    std::size_t at_once = kNoLimit;     ///< of each write; and of each read
    bool has_records = false;           ///< as TLS: what it takes it may say with the next write
    bool is_cut_off = false;            ///< reads find an end, writes an error
    std::vector<std::string> writes{};  ///< what was taken, call by call
    std::string arrived{};              ///< and not read
    bool has_ended = false;             ///< the peer, clean
    int shuts = 0;                      ///< calls of shut_send()

    ssize_t read(std::span<char> into) override {
        if (arrived.empty()) return has_ended || is_cut_off ? 0 : would_block();
        const std::size_t size = std::min({into.size(), arrived.size(), at_once});
        std::copy_n(arrived.begin(), size, into.begin());
        arrived.erase(0, size);
        return static_cast<ssize_t>(size);
    }
    ssize_t write(std::string_view data) override {
        if (is_cut_off) {
            errno = EPIPE;
            return -1;
        }
        return has_records ? write_record(data) : put(data);
    }
    int shut_send() override {
        ++shuts;
        if (peer_ != nullptr) peer_->has_ended = true;
        return 0;
    }
    bool is_drained() const override { return arrived.empty() && !has_ended; }
    bool is_quiet() override { return is_drained(); }
    bool can_splice() const override { return !has_records; }
    bool take_raw(std::uint64_t /*moved*/) override { return !has_records; }
    std::size_t record_overhead() const override { return has_records ? 22 : 0; }

    /// All that was taken.
    std::string sent() const {
        std::string all;
        for (const std::string& each : writes) all += each;
        return all;
    }
    /// Bytes that were held and did not come again.
    bool got_other_bytes() const { return got_other_bytes_; }

  private:
    static ssize_t would_block() {
        errno = EAGAIN;
        return -1;
    }
    ssize_t put(std::string_view data) {
        const std::size_t size = std::min({data.size(), room, at_once});
        if (size == 0) return would_block();
        if (room != kNoLimit) room -= size;
        writes.emplace_back(data.substr(0, size));
        if (peer_ != nullptr) peer_->arrived += data.substr(0, size);
        return static_cast<ssize_t>(size);
    }
    /// The record leaves when there is room for the whole of it.
    ssize_t write_record(std::string_view data) {
        if (held_.empty()) held_ = data.substr(0, at_once);
        got_other_bytes_ = got_other_bytes_ || !data.starts_with(held_);
        if (room < held_.size()) return would_block();
        const std::string record = std::exchange(held_, {});
        const std::size_t piece = std::exchange(at_once, kNoLimit);
        const ssize_t n = put(record);
        at_once = piece;
        return n;
    }

    MemoryEnd* peer_ = nullptr;
    std::string held_;
    bool got_other_bytes_ = false;
};

}  // namespace inout
