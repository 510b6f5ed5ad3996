#include "common/compress/compressed_layer.hpp"

#include <array>
#include <cerrno>
#include <utility>

namespace inout {
namespace {

class CompressionCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "compression"; }
    std::string message(int) const override { return "against the rules of compressed streams"; }
};

/// Where blocks are made: what the layer below takes at once needs no memory of its own.
std::span<char> block_scratch() {
    thread_local std::array<char, kBlockBytesMax> scratch;
    return scratch;
}

}  // namespace

const std::error_category& compression_category() {
    static const CompressionCategory instance;
    return instance;
}

void CompressedLayer::begin_sending(std::uint64_t plain) {
    sending_ = true;
    wire_sent_ = plain;
}

void CompressedLayer::begin_receiving(std::string_view ahead, std::size_t plain) {
    reader_.emplace(plain);
    reader_->give(ahead);
    wire_received_ = ahead.size();
}

CompressedLayer::Rest CompressedLayer::rest() {
    const bool was_used = wire_sent_ != sent_at_rest_;
    sent_at_rest_ = wire_sent_;
    if (was_used || !writer_.has_frame() || !pending_.empty()) return Rest::none;
    const bool sent = send(writer_.end_frame(block_scratch()));
    sent_at_rest_ = wire_sent_;
    return rest_after(sent);
}

CompressedLayer::Rest CompressedLayer::rest_after(bool sent) {
    if (sent) return Rest::sent;
    return errno == EAGAIN || errno == EINTR ? Rest::waits : Rest::failed;
}

ssize_t CompressedLayer::read(std::span<char> into) {
    if (!reader_) return below_->read(into);
    while (!error_) {
        if (const std::size_t got = reader_->read(into); got > 0) {
            return static_cast<ssize_t>(got);
        }
        if (reader_->is_broken()) return break_off(reader_->problem());
        const ssize_t n = below_->read(reader_->room());
        const int error = errno;
        reader_->filled(n > 0 ? static_cast<std::size_t>(n) : 0);
        if (n == 0 && !reader_->is_between_blocks()) return break_off("the end within a block");
        if (n <= 0) {
            errno = error;
            return n;
        }
        wire_received_ += static_cast<std::size_t>(n);
    }
    errno = EPROTO;
    return -1;
}

ssize_t CompressedLayer::break_off(std::string_view problem) {
    error_ = {1, compression_category()};
    failure_ = problem;
    errno = EPROTO;
    return -1;
}

ssize_t CompressedLayer::write(std::string_view data) {
    if (!sending_) return below_->write(data);
    std::size_t taken = 0;
    bool sent = send_pending();
    while (sent) {
        taken += std::exchange(owed_, 0);
        if (taken >= data.size()) break;
        const std::string_view piece = data.substr(taken, kBlockContentMax);
        owed_ = piece.size();
        sent = send(writer_.make(piece, block_scratch()));
    }
    return taken > 0 || sent ? static_cast<ssize_t>(taken) : -1;
}

/// Whether the layer below has taken all of it; else errno says why, and the rest is pending.
bool CompressedLayer::send(std::string_view block) {
    wire_sent_ += block.size();
    while (!block.empty()) {
        const ssize_t n = below_->write(block);
        if (n < 0) {
            const int error = errno;
            pending_ = block;
            errno = error;
            return false;
        }
        block.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

bool CompressedLayer::send_pending() {
    while (!pending_.empty()) {
        const ssize_t n = below_->write(pending_);
        if (n < 0) return false;
        pending_.erase(0, static_cast<std::size_t>(n));
    }
    pending_.shrink_to_fit();
    return true;
}

int CompressedLayer::shut_send() {
    if (!send_pending()) return -1;
    return below_->shut_send();
}

bool CompressedLayer::is_drained() const {
    if (error_ || (reader_ && !reader_->needs_input())) return false;
    return below_->is_drained();
}

bool CompressedLayer::is_quiet() {
    return !error_ && (!reader_ || reader_->needs_input()) && below_->is_quiet();
}

bool CompressedLayer::take_raw(std::uint64_t /*moved*/) {
    if (pending_.empty()) below_->take_raw(wire_sent_);
    return false;
}

unsigned CompressedLayer::take_work() {
    return below_->take_work() + (reader_ ? reader_->take_blocks() : 0);
}

}  // namespace inout
