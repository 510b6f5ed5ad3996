#include "common/net/stream_framing.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/counters.hpp"
#include "common/base/random.hpp"

namespace inout {
namespace {

using End = StreamFrameReader::End;

/// What one write is made of: the largest frame, what may wait in front of it, and a little more,
/// so that a record of a session from end to end, which fills two frames, leaves at once too.
constexpr std::size_t kPieceBytes = kStreamDataMaxBytes + 64;
static_assert(StreamFraming::kAheadMaxBytes < kStreamDataMaxBytes, "content leaves with it");

class FramingCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "framing"; }
    std::string message(int) const override { return "against the rules of a stream's frames"; }
};

bool would_block() { return errno == EAGAIN || errno == EINTR; }

ssize_t failure_with(int error) {
    errno = error;
    return -1;
}

Clock::time_point worn_at() {
    const double share = 0.9 + random_unit() / 5;
    return Clock::now() + std::chrono::duration_cast<Milliseconds>(kConnectionAge * share);
}

std::size_t frame_size(std::size_t data) { return std::min(data, kStreamDataMaxBytes); }

}  // namespace

const std::error_category& framing_category() {
    static const FramingCategory instance;
    return instance;
}

StreamFraming::StreamFraming(ByteLayer& below, Role role)
    : below_(&below), role_(role), worn_at_(worn_at()), input_(below) {
    // A `fin` and a `free`: an end needs no memory.
    pending_.reserve(2 * kStreamHeaderBytes + kStreamTotalBytes);
}

void StreamFraming::begin_sending(std::uint64_t sent) {
    if (!is_in_stream()) ++uses_;
    sending_ = true;
    sent_ = sent;
}

void StreamFraming::send_ahead(std::string_view message) { pending_ += message; }

bool StreamFraming::has_content_ahead() const {
    if (!reader_ || error_) return false;
    StreamFrameReader reader = *reader_;
    std::array<char, kStreamHeaderBytes + 1> first;
    const std::size_t size = input_.bytes().copy(first.data(), first.size());
    return reader.take(std::span(first).first(size)) > 0;
}

void StreamFraming::begin_receiving(Unread& ahead, std::uint64_t headless) {
    if (!is_in_stream()) ++uses_;
    reader_.emplace(headless, role_ == Role::requester);
    input_.prepend(ahead);
}

bool StreamFraming::is_worn_out(Clock::time_point now) const {
    return uses_ >= kConnectionUsesMax || now >= worn_at_;
}

ssize_t StreamFraming::write(std::string_view data) {
    if (!sending_) return below_->write(data);
    if (out_ended_) return failure_with(EPIPE);
    if (raw_out_) return send_pending() ? below_->write(data) : -1;
    const bool has_records = below_->record_overhead() > 0;
    std::array<char, kPieceBytes> piece;
    std::size_t taken = 0;
    while (taken < data.size()) {
        const std::string_view rest = data.substr(taken);
        std::size_t size = pending_.copy(piece.data(), piece.size());
        std::size_t left = frame_left_, at = 0;
        // TLS may want the very same bytes again, which no more than one frame is sure to be.
        do {
            if (left == 0) {
                left = frame_size(rest.size() - at);
                const auto header = data_header(left);
                std::copy(header.begin(), header.end(), piece.begin() + size);
                size += header.size();
            }
            const std::size_t now = std::min({left, rest.size() - at, piece.size() - size});
            std::copy_n(rest.begin() + at, now, piece.begin() + size);
            size += now;
            at += now;
            left -= now;
        } while (!has_records && at < rest.size() && piece.size() - size > kStreamHeaderBytes);

        std::string_view unsent(piece.data(), size);
        ssize_t n = 0;
        do {
            n = below_->write(unsent);
            if (n > 0) unsent.remove_prefix(static_cast<std::size_t>(n));
        } while (n > 0 && has_records && !unsent.empty());  // it takes a record at a time
        const int error = errno;
        const bool may_be_taken = has_records && n < 0 && (error == EAGAIN || error == EINTR);
        taken += note_sent(size - unsent.size(), rest, may_be_taken);
        if (unsent.empty()) continue;
        if (taken > 0) break;
        return failure_with(n < 0 ? error : EAGAIN);
    }
    return static_cast<ssize_t>(taken);
}

/// So much of what write() has made of `data` has left; how much of it is content. `keep_frame`:
/// the rest must come again, as it was.
std::size_t StreamFraming::note_sent(std::size_t sent, std::string_view data, bool keep_frame) {
    const std::size_t control = std::min(sent, pending_.size());
    pending_.erase(0, control);
    sent -= control;
    std::size_t content = 0;
    while (sent > 0 || (keep_frame && frame_left_ == 0)) {
        if (frame_left_ == 0) {
            frame_left_ = frame_size(data.size() - content);
            const auto header = data_header(frame_left_);
            const std::size_t of_header = std::min(sent, header.size());
            pending_.append(header.data() + of_header, header.size() - of_header);
            sent -= of_header;
        }
        const std::size_t now = std::min(sent, frame_left_);
        frame_left_ -= now;
        sent -= now;
        content += now;
    }
    sent_ += content;
    return content;
}

/// Whether nothing is pending any more; else errno says why.
bool StreamFraming::send_pending() {
    while (!pending_.empty()) {
        const ssize_t n = below_->write(pending_);
        if (n < 0) return false;
        pending_.erase(0, static_cast<std::size_t>(n));
    }
    return true;
}

int StreamFraming::shut_send() {
    if (!sending_) return below_->shut_send();
    if (frame_left_ > 0) return static_cast<int>(failure_with(EPROTO));  // its owner's mistake
    if (!out_ended_ && !raw_out_) append_fin(pending_, sent_);
    out_ended_ = true;
    return holds_end_ && !is_raw() ? 0 : finish_end();
}

/// Sends the end of our direction, if it has ended.
int StreamFraming::finish_end() {
    holds_end_ = false;
    if (!out_ended_) return 0;
    if (!send_pending()) return -1;
    return is_raw() ? below_->shut_send() : 0;
}

bool StreamFraming::can_reset() const {
    return sending_ && !out_ended_ && frame_left_ == 0 && !is_raw() && !error_;
}

void StreamFraming::reset_stream() {
    if (!can_reset()) return;
    append_empty(pending_, StreamFrame::reset);
    out_ended_ = true;
}

ssize_t StreamFraming::read(std::span<char> into) {
    if (!reader_) return input_.read(into);
    if (!error_ && reader_->is_raw()) {
        const ssize_t n = input_.read(into);
        wire_ended_ = wire_ended_ || n == 0;
        return n;
    }
    const ssize_t n = !error_ && has_peer_ended() ? 0 : receive(into);
    return n == 0 && was_reset_by_peer() ? failure_with(ECONNRESET) : n;
}

int StreamFraming::look_for_release() {
    while (!is_released()) {
        if (receive({}) < 0) return -1;
    }
    return 0;
}

/// Content; 0: the peer's direction has ended, or after that it is_released(); or -1 with errno.
ssize_t StreamFraming::receive(std::span<char> into) {
    std::array<char, 64> behind_end;  // where no content can come
    while (!error_) {
        if (has_peer_ended()) into = behind_end;
        const ssize_t n = input_.read(into);
        if (n < 0) {
            // The socket tells an error only once.
            if (!would_block() && !below_->last_error()) error_ = {errno, std::system_category()};
            return n;
        }
        const bool had_ended = has_peer_ended();
        if (n == 0) {
            if (!had_ended && !reader_->is_raw()) return failure_with(ECONNRESET);  // a cut
            wire_ended_ = true;
            return 0;
        }
        const std::size_t content = reader_->take(into.first(static_cast<std::size_t>(n)));
        follow_reader();
        if (error_ && reader_->is_raw()) break;  // what is behind such a `raw` is nobody's content
        if (content > 0) return static_cast<ssize_t>(content);
        if (error_) break;
        if (had_ended ? is_released() : has_peer_ended()) return 0;
        if (input_.is_drained()) return failure_with(EAGAIN);
    }
    return failure_with(is_broken() ? EPROTO : error_.value());
}

/// What the last bytes mean for the connection.
void StreamFraming::follow_reader() {
    if (reader_->end() == End::broken) {
        break_off(reader_->problem());
    } else if (reader_->is_free() && (!out_ended_ || !pending_.empty())) {
        break_off("free before both ends");
    } else if (reader_->has_more()) {
        wire_ended_ = true;  // what it says there it says to no stream any more (close_idle)
    } else if (reader_->is_raw() && below_->record_overhead() > 0) {
        break_off("raw over TLS");
    } else if (reader_->is_raw() && stays_framed_) {
        break_off(
            "raw behind a forward proxy, which could cut the stream unnoticed: the other side is "
            "older than \"via\"; upgrade it, or use TLS there");
    } else if (reader_->is_raw() && out_ended_) {
        finish_end();  // who has ended already ends the connection, now or with the next attempt
    }
}

void StreamFraming::break_off(std::string_view problem) {
    error_ = {1, framing_category()};
    failure_ = problem;
    counters().framing_errors_total.add();
}

bool StreamFraming::is_drained() const {
    if (error_ || has_peer_ended()) return false;  // a read says so each time
    return input_.is_drained();
}

bool StreamFraming::is_quiet() { return !error_ && !has_peer_ended() && input_.is_quiet(); }

bool StreamFraming::can_splice() const {
    return (!reader_ || reader_->is_raw()) && input_.can_splice();
}

bool StreamFraming::take_raw(std::uint64_t moved) {
    if (!sending_ || raw_out_) return below_->take_raw(moved);
    if (stays_framed_ || moved < kStreamFramedBytes || out_ended_ || frame_left_ > 0) return false;
    if (below_->record_overhead() > 0 || !below_->take_raw(moved)) return false;
    append_empty(pending_, StreamFrame::raw);
    raw_out_ = true;
    send_pending();  // or with what comes next
    return true;
}

ssize_t StreamFraming::splice_into(int pipe, std::size_t size) {
    return can_splice() ? below_->splice_into(pipe, size) : failure_with(EINVAL);
}

ssize_t StreamFraming::splice_from(int pipe, std::size_t size) {
    if (sending_ && !raw_out_) return failure_with(EINVAL);
    return send_pending() ? below_->splice_from(pipe, size) : -1;
}

std::size_t StreamFraming::record_overhead() const {
    const std::size_t own = is_in_stream() && !is_raw() ? kStreamHeaderBytes : 0;
    return below_->record_overhead() + own;
}

unsigned StreamFraming::take_work() {
    return below_->take_work() + (reader_ ? reader_->take_frames() : 0);
}

std::error_code StreamFraming::last_error() const { return error_ ? error_ : below_->last_error(); }

std::string StreamFraming::failure() const { return error_ ? failure_ : below_->failure(); }

StreamFraming::Settled StreamFraming::settle() {
    using enum Settled;
    std::array<char, kStreamDataMaxBytes> nothing;
    if (error_ || !reader_ || !out_ended_ || is_raw()) return failed;
    // First what the peer is to know: to read may fail.
    if (!has_peer_ended() && finish_end() != 0) return wait_or_fail(waits_for_room);
    while (!has_peer_ended()) {
        const ssize_t n = receive(nothing);
        if (n < 0 && would_block()) break;
        if (n > 0) forgotten_ += static_cast<std::size_t>(n);
        if (n < 0 || is_raw() || forgotten_ > kFarewellMaxBytes) return failed;
    }
    if (has_peer_ended() && role_ == Role::responder && !free_said_) {
        // Behind the peer's end nothing may be here yet: it would be read as the next request.
        // What the loop was told is older than that.
        if (receive({}) < 0 && !would_block()) return failed;
        free_said_ = !ends_instead_ && !wire_ended_;
        if (free_said_) append_empty(pending_, StreamFrame::free);
    }
    if (finish_end() != 0) return wait_or_fail(waits_for_room);
    if (!has_peer_ended()) return waits_for_input;
    if (awaits_release() && look_for_release() != 0) return wait_or_fail(waits_for_input);
    if (ends_instead_ || wire_ended_) {
        return below_->shut_send() == 0 ? ended : wait_or_fail(waits_for_room);
    }
    become_idle();
    return done;
}

/// After a call that has failed with errno.
StreamFraming::Settled StreamFraming::wait_or_fail(Settled wait) const {
    return would_block() ? wait : Settled::failed;
}

void StreamFraming::become_idle() {
    reader_.reset();
    sending_ = out_ended_ = free_said_ = false;
    idle_since_ = Clock::now();
    sent_ = 0;
    forgotten_ = 0;
}

}  // namespace inout
