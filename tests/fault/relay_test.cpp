// How a relayed stream carries bytes and ends, without and with a kernel that misbehaves.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "stream.hpp"

namespace inout {
namespace {

constexpr std::size_t kMegabyte = 1'000'000;

/// Whether pipe2 fails as it does when descriptors have run out.
bool no_pipes = false;

}  // namespace
}  // namespace inout

/// Stands before the C library's.
extern "C" int pipe2(int* ends, int flags) noexcept {
    if (!inout::no_pipes) return static_cast<int>(::syscall(SYS_pipe2, ends, flags));
    errno = EMFILE;
    return -1;
}

namespace inout {
namespace {

class RelayTest : public StreamTest {
  protected:
    /// Sends `up` and `down` bytes with a FIN behind each, to the end.
    void carry_to_the_end(Stream& stream, std::size_t up, std::size_t down) {
        stream.client.to_send = up;
        stream.service.to_send = down;
        stream.client.fin_after = stream.service.fin_after = true;
        stream.start();
        EXPECT_TRUE(run_until([&] { return all_over() && ended(stream); }));
        expect_complete(stream, up, down);
    }
    static bool ended(const Stream& stream) {
        return stream.client.end != End::none && stream.service.end != End::none;
    }
    static void expect_complete(const Stream& stream, std::size_t up, std::size_t down) {
        EXPECT_EQ(stream.service.received, up);
        EXPECT_EQ(stream.client.received, down);
        EXPECT_FALSE(stream.client.corrupt || stream.service.corrupt);
        EXPECT_EQ(stream.client.end, End::fin);
        EXPECT_EQ(stream.service.end, End::fin);
    }
};

TEST_F(RelayTest, carries_both_directions_and_ends_clean) {
    carry_to_the_end(add(), 5 * kMegabyte, 3 * kMegabyte);
}

TEST_F(RelayTest, bulk_goes_through_pipes_and_small_messages_do_not) {
    Stream& bulk = add();
    carry_to_the_end(bulk, 20 * kMegabyte, 0);
    EXPECT_GT(bulk.calls.spliced(), 20 * kMegabyte) << "counted into the pipe and out of it";
    Stream& small = add();
    carry_to_the_end(small, 1'000, 1'000);
    EXPECT_EQ(small.calls.spliced(), 0U);
}

TEST_F(RelayTest, an_idle_stream_holds_no_pipe) {
    Stream& stream = add();
    stream.client.to_send = 5 * kMegabyte;
    stream.start();
    EXPECT_TRUE(run_until([&] { return stream.service.received == 5 * kMegabyte; }));
    EXPECT_GT(stream.calls.spliced(), 0U);
    EXPECT_TRUE(run_until([] { return counters().pipes == 0; })) << "given back, then trimmed";
    EXPECT_EQ(counters().streams, 1U);
    stream.client.fin_after = stream.service.fin_after = true;
    EXPECT_TRUE(run_until([&] { return all_over(); }));
}

TEST_F(RelayTest, half_close_leaves_the_other_direction_open) {
    Stream& stream = add();
    stream.client.to_send = kMegabyte;
    stream.client.fin_after = true;
    stream.start();
    EXPECT_TRUE(run_until([&] { return stream.service.end == End::fin; }));
    EXPECT_EQ(stream.client.end, End::none);
    stream.service.to_send = 2 * kMegabyte;
    stream.service.fin_after = true;
    EXPECT_TRUE(run_until([&] { return all_over() && ended(stream); }));
    expect_complete(stream, kMegabyte, 2 * kMegabyte);
}

TEST_F(RelayTest, what_cannot_be_spliced_is_copied) {
    Stream& stream = add({.splice_unsupported = true});
    carry_to_the_end(stream, 5 * kMegabyte, 5 * kMegabyte);
    EXPECT_EQ(stream.calls.spliced(), 0U);
}

TEST_F(RelayTest, without_pipes_everything_is_copied) {
    Stream& stream = add();
    no_pipes = true;
    carry_to_the_end(stream, 5 * kMegabyte, 5 * kMegabyte);
    no_pipes = false;
    EXPECT_EQ(stream.calls.spliced(), 0U);
}

TEST_F(RelayTest, a_paused_reader_stops_the_sender_and_loses_nothing) {
    Stream& stream = add();
    stream.client.to_send = 60 * kMegabyte;
    stream.client.fin_after = stream.service.fin_after = true;
    stream.service.reading = false;
    stream.start();
    std::uint64_t calls = 0;
    // The sender is stopped when a while brings no further call.
    EXPECT_TRUE(run_until([&, quiet_since = Clock::now()]() mutable {
        if (calls != stream.calls.calls()) {
            calls = stream.calls.calls();
            quiet_since = Clock::now();
        }
        return calls > 0 && Clock::now() - quiet_since > Milliseconds{50};
    }));
    EXPECT_LT(stream.client.sent, 60 * kMegabyte);
    EXPECT_LE(counters().pipes, 1U) << "a blocked direction holds one pipe at most";
    stream.service.reading = true;
    EXPECT_TRUE(run_until([&] { return all_over() && ended(stream); }));
    expect_complete(stream, 60 * kMegabyte, 0);
}

TEST_F(RelayTest, rst_is_carried_in_both_directions) {
    for (const bool from_client : {true, false}) {
        Stream& stream = add();
        stream.client.to_send = stream.service.to_send = 1'000;
        stream.start();
        EXPECT_TRUE(run_until(
            [&] { return stream.client.received == 1'000 && stream.service.received == 1'000; }));
        reset(from_client ? stream.client.fd : stream.service.fd);
        EXPECT_TRUE(run_until([&] { return all_over(); }));
        const Peer& other = from_client ? stream.service : stream.client;
        EXPECT_TRUE(run_until([&] { return other.end != End::none; }));
        EXPECT_EQ(other.end, End::rst);
    }
}

TEST_F(RelayTest, rst_after_a_half_close_is_still_an_rst) {
    Stream& stream = add();
    stream.client.fin_after = true;
    stream.service.to_send = 1'000;
    stream.start();
    EXPECT_TRUE(run_until([&] { return stream.client.received == 1'000; }));
    reset(stream.service.fd);
    EXPECT_TRUE(run_until([&] { return all_over() && stream.client.end != End::none; }));
    EXPECT_EQ(stream.client.end, End::rst);
}

/// The bytes are in the relay's kernel when the RST comes: they are delivered first.
TEST_F(RelayTest, what_came_before_an_rst_is_delivered_before_it) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{16'384}, std::size_t{60'000}}) {
        Stream& stream = add();
        stream.client.to_send = size;
        EXPECT_TRUE(run_until([&] {
            return stream.client.sent == size &&
                   sample_tcp(stream.client.fd.get()).all_acknowledged();
        }));
        reset(stream.client.fd);
        stream.start();
        EXPECT_TRUE(run_until([&] { return all_over() && stream.service.end != End::none; }));
        EXPECT_EQ(stream.service.received, size);
        EXPECT_FALSE(stream.service.corrupt);
        EXPECT_EQ(stream.service.end, End::rst);
    }
}

/// The client is not being read, because the service does not read; its RST is noticed all the
/// same. A reader that never resumes is reset when reset_flush is over.
TEST_F(RelayTest, rst_is_noticed_under_back_pressure_and_waits_for_a_paused_reader_5_seconds) {
    Stream& resumes = add({}, 1);
    Stream& stays_away = add({}, 2);
    for (const auto& stream : streams) {
        stream->client.to_send = 60 * kMegabyte;
        stream->service.reading = false;
        stream->start();
    }
    std::uint64_t calls = 0;
    EXPECT_TRUE(run_until([&, quiet_since = Clock::now()]() mutable {
        const std::uint64_t now = resumes.calls.calls() + stays_away.calls.calls();
        if (now != calls) quiet_since = Clock::now();
        calls = now;
        return calls > 0 && Clock::now() - quiet_since > Milliseconds{50};
    }));
    const auto reset_at = Clock::now();
    for (const auto& stream : streams) reset(stream->client.fd);
    resumes.service.reading = true;
    EXPECT_TRUE(run_until([&] { return resumes.service.end != End::none; }));
    EXPECT_EQ(resumes.service.end, End::rst);
    EXPECT_FALSE(resumes.service.corrupt);
    EXPECT_LT(Clock::now() - reset_at, kResetFlush) << "nothing left to wait for";
    EXPECT_TRUE(run_until([&] { return all_over(); }));
    EXPECT_GE(Clock::now() - reset_at, kResetFlush - Milliseconds{50});
    EXPECT_LE(Clock::now() - reset_at, kResetFlush + Milliseconds{2'000});
    stays_away.service.reading = true;
    EXPECT_TRUE(run_until([&] { return stays_away.service.end != End::none; }));
    EXPECT_EQ(stays_away.service.end, End::rst);
}

TEST_F(RelayTest, an_end_of_all_streams_is_an_rst_on_both_sides) {
    Stream& stream = add();
    stream.client.to_send = stream.service.to_send = 100 * kMegabyte;
    stream.start();
    EXPECT_TRUE(run_until([&] { return stream.service.received > kMegabyte; }));
    stream.set.reset_all("drain timeout");
    EXPECT_TRUE(stream.over());
    EXPECT_TRUE(run_until([&] { return ended(stream); }));
    EXPECT_EQ(stream.client.end, End::rst);
    EXPECT_EQ(stream.service.end, End::rst);
}

TEST_F(RelayTest, what_a_stream_keeps_is_released_at_its_end) {
    Stream& stream = add();
    const auto kept = std::make_shared<int>(1);
    stream.client.fin_after = stream.service.fin_after = true;
    stream.start(kept);
    EXPECT_EQ(kept.use_count(), 2);
    EXPECT_TRUE(run_until([&] { return all_over(); }));
    EXPECT_EQ(kept.use_count(), 1);
}

/// Streams in which urgent data (tcp(7), MSG_OOB) stands in the middle. It stays in the stream.
class UrgentDataTest : public RelayTest {
  protected:
    static constexpr std::size_t kBefore = 50'000, kBehind = 5'000;

    /// Sends the pattern with one urgent byte at kBefore and waits until the kernel has it all.
    void send_with_urgent_byte(Peer& peer, unsigned seed) {
        const Pattern pattern(2 * seed);
        peer.to_send = kBefore;
        EXPECT_TRUE(run_until([&] { return peer.sent == kBefore; }));
        EXPECT_EQ(::send(peer.fd.get(), pattern.at(kBefore), 1, MSG_OOB), 1);
        ++peer.sent;
        peer.to_send = kBefore + 1 + kBehind;
        EXPECT_TRUE(run_until([&] { return peer.sent == peer.to_send; }));
    }
};

TEST_F(UrgentDataTest, urgent_data_is_neither_lost_nor_does_it_spin) {
    Stream& stream = add();
    stream.start();
    send_with_urgent_byte(stream.client, 1);
    EXPECT_TRUE(run_until([&] { return stream.service.received == kBefore + 1 + kBehind; }));
    EXPECT_FALSE(stream.service.corrupt);
    EXPECT_LT(stream.calls.calls(), 200U);
    stream.client.fin_after = stream.service.fin_after = true;
    EXPECT_TRUE(run_until([&] { return all_over() && ended(stream); }));
    EXPECT_EQ(stream.service.end, End::fin);
}

/// The FIN is there before the relay reads: splice(2) then says "end" at the urgent byte.
TEST_F(UrgentDataTest, urgent_data_before_a_fin_is_not_taken_for_the_end) {
    Stream& stream = add();
    const int large = 1 << 20;
    ::setsockopt(stream.client_side(), SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
    const int inline_urgent = 1;
    ::setsockopt(stream.client_side(), SOL_SOCKET, SO_OOBINLINE, &inline_urgent,
                 sizeof inline_urgent);
    stream.client.fin_after = false;
    send_with_urgent_byte(stream.client, 1);
    stream.client.fin_after = stream.service.fin_after = true;
    EXPECT_TRUE(run_until([&] {
        return !stream.client.fin_after && sample_tcp(stream.client.fd.get()).all_acknowledged();
    }));
    stream.start();
    EXPECT_TRUE(run_until([&] { return all_over() && ended(stream); }));
    expect_complete(stream, kBefore + 1 + kBehind, 0);
}

}  // namespace
}  // namespace inout
