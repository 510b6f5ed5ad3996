// What is particular to streams between plain legs: pipes, urgent data, and single system calls.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "stream.hpp"

namespace inout::relay_plain_test {
namespace {

/// Whether pipe2 fails as it does when descriptors have run out.
bool no_pipes = false;

}  // namespace
}  // namespace inout::relay_plain_test

/// Stands before the C library's.
extern "C" int pipe2(int* ends, int flags) noexcept {
    if (!inout::relay_plain_test::no_pipes)
        return static_cast<int>(::syscall(SYS_pipe2, ends, flags));
    errno = EMFILE;
    return -1;
}

namespace inout::relay_plain_test {
namespace {

class RelayPlainTest : public StreamTest {
  protected:
    Stream& add(Faults faults = {}, unsigned seed = 1) {
        return StreamTest::add(Path::plain, faults, seed);
    }
    void carry_to_the_end(Stream& stream, std::size_t up, std::size_t down) {
        stream.will_carry(up, down);
        EXPECT_TRUE(run_to_the_end());
        stream.expect_complete(up, down);
    }
    static FaultyCalls& calls_of(const Stream& stream) { return *stream.calls.front(); }
};

TEST_F(RelayPlainTest, bulk_goes_through_pipes_and_small_messages_do_not) {
    Stream& bulk = add();
    carry_to_the_end(bulk, 20 * kMegabyte, 0);
    EXPECT_GT(calls_of(bulk).spliced(), 20 * kMegabyte) << "counted into the pipe and out of it";
    Stream& small = add();
    carry_to_the_end(small, 1'000, 1'000);
    EXPECT_EQ(calls_of(small).spliced(), 0U);
}

TEST_F(RelayPlainTest, an_idle_stream_holds_no_pipe) {
    Stream& stream = add();
    stream.client.to_send = 5 * kMegabyte;
    EXPECT_TRUE(run_until([&] { return stream.service.received == 5 * kMegabyte; }));
    EXPECT_GT(calls_of(stream).spliced(), 0U);
    EXPECT_TRUE(run_until([] { return counters().pipes == 0; })) << "given back, then trimmed";
    EXPECT_EQ(counters().streams, 1U);
    stream.client.fin_after = stream.service.fin_after = true;
    EXPECT_TRUE(run_until([&] { return all_over(); }));
}

TEST_F(RelayPlainTest, what_cannot_be_spliced_is_copied) {
    Stream& stream = add({.splice_unsupported = true});
    carry_to_the_end(stream, 5 * kMegabyte, 5 * kMegabyte);
    EXPECT_EQ(calls_of(stream).spliced(), 0U);
}

TEST_F(RelayPlainTest, without_pipes_everything_is_copied) {
    Stream& stream = add();
    no_pipes = true;
    carry_to_the_end(stream, 5 * kMegabyte, 5 * kMegabyte);
    no_pipes = false;
    EXPECT_EQ(calls_of(stream).spliced(), 0U);
}

/// The client is not being read, because the service does not read; its RST is noticed all the
/// same. A reader that never resumes is reset when reset_flush is over.
TEST_F(RelayPlainTest, rst_is_noticed_under_back_pressure_and_waits_for_a_paused_reader_5_seconds) {
    Stream& resumes = add({}, 1);
    Stream& stays_away = add({}, 2);
    for (const auto& stream : streams) {
        stream->client.to_send = 60 * kMegabyte;
        stream->service.reading = false;
    }
    EXPECT_TRUE(run_until_all_rests());
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

TEST_F(RelayPlainTest, an_error_of_the_shutdown_is_an_rst_for_both_sides) {
    Stream& stream = prepare(Path::plain);
    calls_of(stream).fail_call(2, ENOTCONN);
    stream.client.fin_after = true;
    stream.start();  // its calls: a recv on each side (EAGAIN or the end), then the shutdown
    EXPECT_TRUE(run_to_the_end());
    EXPECT_TRUE(calls_of(stream).failed());
    EXPECT_EQ(stream.service.end, End::rst);
    EXPECT_EQ(stream.client.end, End::rst);
}

/// Streams in which urgent data (tcp(7), MSG_OOB) stands in the middle. It stays in the stream.
class UrgentDataTest : public RelayPlainTest {
  protected:
    static constexpr std::size_t kBefore = 50'000, kBehind = 5'000;

    /// Sends the pattern with one urgent byte at kBefore and waits until the kernel has it all.
    void send_with_urgent_byte(Peer& peer) {
        peer.to_send = kBefore;
        EXPECT_TRUE(run_until([&] { return peer.sent == kBefore; }));
        EXPECT_EQ(::send(peer.fd.get(), peer.outgoing.at(kBefore), 1, MSG_OOB), 1);
        ++peer.sent;
        peer.to_send = kBefore + 1 + kBehind;
        EXPECT_TRUE(run_until([&] { return peer.sent == peer.to_send; }));
    }
};

TEST_F(UrgentDataTest, urgent_data_is_neither_lost_nor_does_it_spin) {
    Stream& stream = add();
    send_with_urgent_byte(stream.client);
    EXPECT_TRUE(run_until([&] { return stream.service.received == kBefore + 1 + kBehind; }));
    EXPECT_FALSE(stream.service.corrupt);
    EXPECT_LT(calls_of(stream).calls(), 200U);
    stream.client.fin_after = stream.service.fin_after = true;
    EXPECT_TRUE(run_to_the_end());
    EXPECT_EQ(stream.service.end, End::fin);
}

/// The FIN is there before the relay reads: splice(2) then says "end" at the urgent byte.
TEST_F(UrgentDataTest, urgent_data_before_a_fin_is_not_taken_for_the_end) {
    Stream& stream = prepare(Path::plain);
    const int large = 1 << 20;
    ::setsockopt(stream.client_side(), SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
    send_with_urgent_byte(stream.client);
    stream.client.fin_after = stream.service.fin_after = true;
    EXPECT_TRUE(run_until([&] {
        return !stream.client.fin_after && sample_tcp(stream.client.fd.get()).all_acknowledged();
    }));
    stream.start();
    EXPECT_TRUE(run_to_the_end());
    stream.expect_complete(kBefore + 1 + kBehind, 0);
}

}  // namespace
}  // namespace inout::relay_plain_test
