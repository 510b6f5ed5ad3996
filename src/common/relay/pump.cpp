#include "common/relay/pump.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace inout {
namespace {

static_assert(kCopyBytes <= 0xffff, "the leftover's offsets are 16 bits");

/// Calls again when a signal came in between.
template <class Call>
ssize_t uninterrupted(Call call) {
    ssize_t n = 0;
    do {
        n = call();
    } while (n < 0 && errno == EINTR);
    return n;
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

/// TLS gives a record at a time: small ones are gathered, so that they leave together. A socket is
/// asked once, because it tells an error once.
ssize_t receive(ByteLayer& source, std::span<char> into, Turn& turn) {
    std::size_t got = 0;
    do {
        const ssize_t n = source.read(into.subspan(got));
        const std::size_t size = n > 0 ? static_cast<std::size_t>(n) : 0;
        spend_read(turn, source, size);
        if (n <= 0) return got > 0 ? static_cast<ssize_t>(got) : n;  // it will say so again
        got += size;
    } while (source.record_overhead() > 0 && into.size() - got >= kTlsSmallRecord &&
             !source.is_drained() && !turn.is_over());
    return static_cast<ssize_t>(got);
}

}  // namespace

Pump::Step Pump::run(const Tools& tools, ByteLayer& source, ByteLayer& sink,
                     std::uint32_t turn_bytes) {
    if (sink_failed_) return fail(Step::sink_failed, error_);
    Turn turn(turn_bytes);
    while (true) {
        if (const auto step = deliver(sink)) return *step;
        if (source_ended_) return source_reset_ ? fail(Step::source_failed, error_) : Step::ended;
        if (turn.is_over()) return Step::yield;
        const auto step =
            splicing_ ? fill_pipe(tools, source, turn) : copy(tools, source, sink, turn);
        if (step) return *step;
    }
}

std::optional<Pump::Step> Pump::deliver(ByteLayer& sink) {
    while (leftover_) {
        const std::size_t size = leftover_end_ - leftover_begin_;
        const ssize_t n = uninterrupted([&] {
            return sink.write({leftover_.get() + leftover_begin_, size});
        });
        if (n < 0) return would_block() ? Step::wait_writable : fail(Step::sink_failed, errno);
        bytes_ += static_cast<std::uint64_t>(n);
        leftover_begin_ = static_cast<std::uint16_t>(leftover_begin_ + n);
        if (leftover_begin_ == leftover_end_) leftover_.reset();
    }
    while (pipe_ && pipe_->held > 0) {
        const ssize_t n =
            uninterrupted([&] { return sink.splice_from(pipe_->read_end.get(), pipe_->held); });
        if (n < 0) return would_block() ? Step::wait_writable : fail(Step::sink_failed, errno);
        // The pipe holds bytes, so 0 can not be; if it were, looping would never end.
        if (n == 0) return fail(Step::sink_failed, EPIPE);
        bytes_ += static_cast<std::uint64_t>(n);
        burst_bytes_ += static_cast<std::size_t>(n);
        pipe_->held -= static_cast<std::size_t>(n);
    }
    return std::nullopt;
}

std::optional<Pump::Step> Pump::copy(const Tools& tools, ByteLayer& source, ByteLayer& sink,
                                     Turn& turn) {
    // With its headers that makes one full record of the sink's, and not a second one of some
    // bytes.
    const auto into = tools.buffer.first(tools.buffer.size() - sink.record_overhead());
    const ssize_t n = uninterrupted([&] { return receive(source, into, turn); });
    if (n < 0) return would_block() ? Step::wait_readable : fail(Step::source_failed, errno);
    source_ended_ = n == 0;
    if (source_ended_) return std::nullopt;
    taken_ = true;
    std::string_view left(tools.buffer.data(), static_cast<std::size_t>(n));
    do {
        const ssize_t sent = uninterrupted([&] { return sink.write(left); });
        if (sent < 0 && !would_block()) return fail(Step::sink_failed, errno);
        if (sent < 0) break;
        bytes_ += static_cast<std::size_t>(sent);
        left.remove_prefix(static_cast<std::size_t>(sent));
    } while (sink.record_overhead() > 0 && !left.empty());  // it takes a record at a time
    if (!left.empty()) keep(left);
    if (source.is_drained()) {
        // A short read drained the source: asking again would only say EAGAIN (socket(7),
        // epoll(7)).
        if (!leftover_) return Step::wait_readable;
    } else if (static_cast<std::size_t>(n) == into.size() && source.can_splice() &&
               !splice_unsupported_ && sink.take_raw(bytes_)) {
        small_bursts_ = 0;
        splicing_ = true;
    }
    return std::nullopt;
}

void Pump::keep(std::string_view bytes) {
    leftover_begin_ = 0;
    leftover_end_ = static_cast<std::uint16_t>(bytes.size());
    leftover_ = std::make_unique_for_overwrite<char[]>(bytes.size());
    std::memcpy(leftover_.get(), bytes.data(), bytes.size());
}

bool Pump::take(const Tools& tools, ByteLayer& source, std::string& out) {
    if (source_ended_) return true;
    Turn turn;
    const ssize_t n = uninterrupted([&] { return receive(source, tools.buffer, turn); });
    if (n < 0 && would_block()) return true;
    if (n < 0) {
        fail(Step::source_failed, errno);
        return false;
    }
    source_ended_ = n == 0;
    taken_ = taken_ || n > 0;
    bytes_ += static_cast<std::uint64_t>(n);
    out.append(tools.buffer.data(), static_cast<std::size_t>(n));
    return true;
}

std::optional<Pump::Step> Pump::fill_pipe(const Tools& tools, ByteLayer& source, Turn& turn) {
    if (!source.can_splice()) {
        if (pipe_) tools.pipes.give_back(*std::exchange(pipe_, std::nullopt));
        splicing_ = false;
        return std::nullopt;
    }
    if (!pipe_) {
        pipe_ = tools.pipes.borrow();
        burst_bytes_ = 0;
        if (!pipe_) {
            splicing_ = false;  // no pipe to be had: copy, and ask again after another full read
            return std::nullopt;
        }
    }
    // The pipe is empty here, so EAGAIN speaks of the source and not of a full pipe.
    const std::size_t size = std::min(pipe_->capacity, tools.splice_max);
    const ssize_t n =
        uninterrupted([&] { return source.splice_into(pipe_->write_end.get(), size); });
    if (n > 0) {
        pipe_->held = static_cast<std::size_t>(n);
        turn.spend(Turn::kRead, pipe_->held);
        return std::nullopt;
    }
    const int error = n == 0 ? 0 : errno;
    if (error == EAGAIN) return source_drained(tools);
    tools.pipes.give_back(*std::exchange(pipe_, std::nullopt));
    if (error == 0) {
        // Perhaps not the end: splice says so before urgent data too when a FIN is behind it
        // (tcp_splice_read in Linux). recv knows.
        splicing_ = false;
        return std::nullopt;
    }
    if (error == EINVAL || error == ENOSYS) {  // nothing was moved: this kind is not spliceable
        splicing_ = false;
        splice_unsupported_ = true;
        return std::nullopt;
    }
    return fail(Step::source_failed, error);
}

Pump::Step Pump::source_drained(const Tools& tools) {
    tools.pipes.give_back(*std::exchange(pipe_, std::nullopt));
    small_bursts_ = burst_bytes_ < kCopyBytes ? static_cast<unsigned char>(small_bursts_ + 1) : 0;
    // Small messages are cheaper to copy. It also frees a direction from urgent data (MSG_OOB),
    // before which splice says EAGAIN although the source is readable.
    if (small_bursts_ >= 2) splicing_ = false;
    return Step::wait_readable;
}

Pump::Step Pump::fail(Step step, int error) {
    error_ = error;
    sink_failed_ = step == Step::sink_failed;
    return step;
}

void Pump::discard(PipePool& pipes) {
    leftover_.reset();
    if (pipe_) pipes.give_back(*std::exchange(pipe_, std::nullopt));
}

}  // namespace inout
