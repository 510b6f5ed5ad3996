// StreamFraming: the layer of a connection that carries one stream after another, by which a
// stream's end is not the connection's.
//
// Between streams it passes everything as it is: the message that asks for the next one, and the
// answer. Each direction becomes frames (wire/stream_frame) where its owner says so, and ends with
// `fin` or `reset`. Who was asked says `free` then, and both sides are between streams again. A
// direction that moves much says `raw`, which makes this stream the connection's last: from there
// on it is the bytes and the ends of the layer below. Over the socket, or TLS; a session from end
// to end lies over it. Never blocks. Part of its Connection, on its worker's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "common/base/limits.hpp"
#include "common/net/unread.hpp"
#include "common/wire/stream_frame.hpp"

namespace inout {

/// What a peer has done that it may not, as an error code.
const std::error_category& framing_category();

class StreamFraming final : public ByteLayer {
  public:
    /// Requester: asks for streams here. Responder: is asked, and says `free`.
    enum class Role : unsigned char { requester, responder };
    /// Over `below`, which must outlive it.
    StreamFraming(ByteLayer& below, Role role);

    /// What is sent from now on are frames of a stream of which `sent` bytes have left already.
    void begin_sending(std::uint64_t sent = 0);
    /// Leaves in front of what is written next, in one write with that: `message`, which is no part
    /// of the stream. At most kAheadMaxBytes.
    void send_ahead(std::string_view message);
    static constexpr std::size_t kAheadMaxBytes = 1024;
    /// What is read from now on are frames, behind `headless` bytes that are the stream's as they
    /// are. Takes over what was read `ahead` of that, which comes first.
    void begin_receiving(Unread& ahead, std::uint64_t headless = 0);
    /// Whether content was read ahead already, so that the next read gives some.
    bool has_content_ahead() const;
    /// A stream has begun in one direction at least, and is not over.
    bool is_in_stream() const { return sending_ || reader_; }
    /// Streams that have begun here.
    unsigned uses() const { return uses_; }
    Role role() const { return role_; }
    /// When its last stream was over, or it began.
    Clock::time_point idle_since() const { return idle_since_; }
    /// By how often or how long it has been used: its requester asks for no other stream here.
    bool is_worn_out(Clock::time_point now) const;
    /// No direction may be raw: what is between the two may end the connection as it likes. Who
    /// says `raw` all the same breaks the rules.
    void stay_framed() { stays_framed_ = true; }
    /// A value of the responder's that the proofs of later requests cover (wire/proof); its
    /// owner's to set.
    std::string nonce;

    /// 0: `fin`, ECONNRESET: `reset`, or an end without either; EPROTO: see is_broken(). Behind the
    /// peer's end it says so each time.
    ssize_t read(std::span<char> into) override;
    ssize_t write(std::string_view data) override;
    /// `fin`; where a direction is raw, or this one is, also the end of the layer below. Held back
    /// while hold_end() is on.
    int shut_send() override;

    bool read_wants_write() const override { return below_->read_wants_write(); }
    bool write_wants_read() const override { return below_->write_wants_read(); }
    bool is_drained() const override;
    bool is_quiet() override;
    bool can_splice() const override;
    bool take_raw(std::uint64_t moved) override;
    ssize_t splice_into(int pipe, std::size_t size) override;
    ssize_t splice_from(int pipe, std::size_t size) override;
    std::size_t record_overhead() const override;
    unsigned take_work() override;
    std::error_code last_error() const override;
    std::string failure() const override;

    /// The end of the stream.
    ///
    /// With this on, shut_send() keeps its `fin`, so that settle() sends `free`
    /// together with it.
    void hold_end(bool on) { holds_end_ = on; }
    /// The peer has ended its direction, by `fin` or by `reset`.
    bool has_peer_ended() const {
        return reader_ && (reader_->end() == StreamFrameReader::End::fin || was_reset_by_peer());
    }
    bool was_reset_by_peer() const {
        return reader_ && reader_->end() == StreamFrameReader::End::reset;
    }
    /// Our direction has ended, or its end is held back.
    bool has_ended() const { return out_ended_; }
    /// A requester that waits for the peer's `free`.
    bool awaits_release() const { return role_ == Role::requester && !is_released(); }
    /// The peer has broken the rules; failure() says how.
    bool is_broken() const { return error_.category() == framing_category(); }
    /// One direction is raw: the connection ends with this stream.
    bool is_raw() const { return raw_out_ || (reader_ && reader_->is_raw()); }
    /// The peer has said `free`, or, having ended its direction, has ended the connection cleanly
    /// instead: all that we sent has arrived where it should.
    bool is_released() const { return (reader_ && reader_->is_free()) || wire_ended_; }
    /// Reads, behind the peer's end, until it is_released(): 0, or -1 with errno.
    int look_for_release();

    /// Whether `reset` can still be said: our direction has not ended, no frame of it is half sent,
    /// and nothing is raw or broken.
    bool can_reset() const;
    /// Ends our direction with `reset`, which settle() sends.
    void reset_stream();

    enum class Settled : unsigned char {
        done,             ///< between streams: another may follow
        ended,            ///< the connection has ended cleanly instead
        waits_for_input,  ///< for the peer's end, or its `free`
        waits_for_room,
        failed,  ///< the connection can not be used any more
    };
    /// After the stream, when our direction has ended: goes on to where another stream may follow.
    /// Reads and forgets what the peer still sends, at most kFarewellMaxBytes in all. A responder
    /// says `free`. No deadline of its own.
    Settled settle();
    /// Ends the layer below, whatever is said in frames: for a farewell.
    int end_below() { return below_->shut_send(); }
    /// A responder that does not want another stream: settle() ends the layer below instead.
    void end_instead_of_free() { ends_instead_ = true; }

  private:
    std::size_t note_sent(std::size_t sent, std::string_view data, bool keep_frame);
    bool send_pending();
    int finish_end();
    ssize_t receive(std::span<char> into);
    void follow_reader();
    void break_off(std::string_view problem);
    Settled wait_or_fail(Settled wait) const;
    void become_idle();

    ByteLayer* below_;
    const Role role_;
    const Clock::time_point worn_at_;
    Unread input_;                             // over that: what was read ahead of the stream
    std::optional<StreamFrameReader> reader_;  // nothing: what comes is no frame
    bool sending_ = false, raw_out_ = false, out_ended_ = false;
    bool holds_end_ = false, free_said_ = false, ends_instead_ = false, stays_framed_ = false;
    bool wire_ended_ = false;     // the connection, cleanly, behind the peer's end
    std::string pending_;         // control frames, the rest of a header or what goes ahead of it
    std::size_t frame_left_ = 0;  // of the data frame whose header has been begun
    std::uint64_t sent_ = 0;      // content of our direction
    std::size_t forgotten_ = 0;   // by settle()
    unsigned uses_ = 0;
    Clock::time_point idle_since_ = Clock::now();
    std::error_code error_;  // of reading, for good
    std::string failure_;
};

}  // namespace inout
