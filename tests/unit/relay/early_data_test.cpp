#include "common/relay/early_data.hpp"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>

#include "../peer.hpp"
#include "../tls_pair.hpp"

namespace inout::early_data_test {
namespace {

TEST(EarlyDataTest, records_of_one_byte_leave_others_their_turn) {
    constexpr std::size_t kRecords = std::size_t{3} * kTurnOperations;
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    ASSERT_TRUE(send_byte_by_byte(*pair.client, std::string(kRecords, 'x'), pair.wire.b.get()));

    asio::io_context context;
    RelaySet relays(context, {});
    Connection source = adopt(context, std::move(pair.wire.b));
    source.secure(std::move(pair.server));
    TcpPair onward;
    Connection sink = adopt(context, std::move(onward.a));
    std::size_t passed_on = 0;
    Others others(context, [&] { return passed_on < kRecords; });
    EarlyData early(relays, source);
    early.pass_to(sink);
    EXPECT_TRUE(run_until(context, [&] {
        std::array<char, kRecords> buffer;
        const ssize_t n = ::recv(onward.b.get(), buffer.data(), buffer.size(), 0);
        if (n > 0) passed_on += static_cast<std::size_t>(n);
        return passed_on == kRecords;
    }));
    EXPECT_GE(others.turns, kRecords / kTurnOperations - 1);
    EXPECT_FALSE(source.was_reset());
}

TEST(EarlyDataTest, what_was_read_ahead_and_what_came_since_leave_with_the_request) {
    asio::io_context context;
    RelaySet relays(context, {});
    TcpPair pair;
    Connection source = adopt(context, std::move(pair.b));
    ASSERT_EQ(::send(pair.a.get(), "first ", 6, 0), 6);
    ASSERT_EQ(run(context, source.read_ahead(1)), std::error_code());
    const std::string more = some_bytes(5'000);
    ASSERT_EQ(::send(pair.a.get(), more.data(), more.size(), 0), std::ssize(more));
    ASSERT_TRUE(eventually([&] {
        int there = 0;
        return ::ioctl(source.fd(), FIONREAD, &there) == 0 && there == std::ssize(more);
    }));
    EarlyData early(relays, source);
    std::string frame = "request ";
    early.append_to(frame);
    EXPECT_TRUE(frame == "request first " + more);
    EXPECT_TRUE(early.has_taken());
}

class PassedEarly : public testing::Test {
  protected:
    void client_sends(std::string_view bytes) const {
        ASSERT_EQ(::send(client.a.get(), bytes.data(), bytes.size(), 0), std::ssize(bytes));
    }
    std::string received(const TcpPair& pair, std::size_t size) {
        std::string got;
        EXPECT_TRUE(run_until(context, [&] {
            std::string buffer(size - got.size(), '\0');
            const ssize_t n = ::recv(pair.b.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (n > 0) got.append(buffer, 0, static_cast<std::size_t>(n));
            return got.size() == size;
        }));
        return got;
    }

    asio::io_context context;
    RelaySet relays{context, {}};
    TcpPair client, first, second;
    Connection source = adopt(context, std::move(client.b));
    Connection one = adopt(context, std::move(first.a)),
               other = adopt(context, std::move(second.a));
    EarlyData early{relays, source};
};

TEST_F(PassedEarly, all_that_one_sink_has_got_goes_to_the_next_and_more_behind_it) {
    client_sends("a");
    early.pass_to(one);
    EXPECT_EQ(received(first, 1), "a");
    client_sends("b");
    EXPECT_EQ(received(first, 1), "b");
    early.pause();
    ASSERT_TRUE(early.begin_again());
    client_sends("c");
    std::string frame = "request ";
    early.append_to(frame);
    EXPECT_EQ(frame, "request abc");
    early.pass_to(other);
    client_sends("d");
    EXPECT_EQ(received(second, 1), "d");
    EXPECT_EQ(early.take_pump().bytes(), 4U);
}

TEST_F(PassedEarly, what_a_full_sink_did_not_take_is_the_relays_to_deliver) {
    const std::size_t filled = fill(one.fd());
    client_sends("abc");
    early.pass_to(one);
    EXPECT_TRUE(run_until(context, [&] { return early.has_taken(); }));
    run_ready(context);
    Pump pump = early.take_pump();
    EXPECT_EQ(pump.bytes(), 0U);
    EXPECT_EQ(drain(first.b.get(), filled), filled);
    ASSERT_EQ(::shutdown(client.a.get(), SHUT_WR), 0);
    EXPECT_TRUE(eventually([&] {
        return pump.run(relays.tools(), source.bytes(), one.bytes()) == Pump::Step::ended;
    }));
    EXPECT_EQ(pump.bytes(), 3U);
    EXPECT_EQ(received(first, 3), "abc");
}

TEST_F(PassedEarly, a_sink_that_was_lost_does_not_spoil_the_next) {
    early.sink_was_lost(std::make_error_code(std::errc::broken_pipe));
    ASSERT_TRUE(early.begin_again());
    EXPECT_FALSE(early.take_pump().has_lost_sink());
}

TEST_F(PassedEarly, beyond_what_all_openings_may_keep_an_open_has_one_try) {
    std::vector<std::unique_ptr<EarlyData>> others;
    const std::string piece = some_bytes(kCopyBytes);
    const auto opening = [&] {
        client_sends(piece);
        EXPECT_TRUE(eventually([&] { return has_input(source.fd()); }));
        others.push_back(std::make_unique<EarlyData>(relays, source));
        std::string frame;
        while (frame.size() < piece.size()) others.back()->append_to(frame);
    };
    for (std::size_t kept = 0; kept < kEarlyKeptMax; kept += piece.size()) {
        opening();
        ASSERT_TRUE(others.back()->begin_again());
    }
    opening();
    EXPECT_FALSE(others.back()->begin_again());
    others.clear();
    opening();
    EXPECT_TRUE(others.back()->begin_again()) << "what was kept is free with its opening";
}

}  // namespace
}  // namespace inout::early_data_test
