#include "common/relay/early_data.hpp"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>

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

}  // namespace
}  // namespace inout::early_data_test
