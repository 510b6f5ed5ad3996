#include "common/net/unread.hpp"

#include <gtest/gtest.h>

#include "../loopback.hpp"
#include "../tls_pair.hpp"

namespace inout::unread_test {
namespace {

/// Gives these bytes in reads of at most `piece`, then EAGAIN.
class Bytes : public ByteLayer {
  public:
    explicit Bytes(std::string bytes, std::size_t piece = 100'000)
        : left(std::move(bytes)), piece_(piece) {}
    ssize_t read(std::span<char> into) override {
        ++reads;
        const std::size_t size = std::min({into.size(), left.size(), piece_});
        if (size == 0) {
            errno = EAGAIN;
            return -1;
        }
        std::copy_n(left.begin(), size, into.begin());
        left.erase(0, size);
        return static_cast<ssize_t>(size);
    }
    ssize_t write(std::string_view data) override { return std::ssize(data); }
    int shut_send() override { return 0; }
    bool is_drained() const override { return left.empty(); }
    bool is_quiet() override { return left.empty(); }
    bool can_splice() const override { return true; }

    std::string left;
    unsigned reads = 0;

  private:
    std::size_t piece_;
};

TEST(UnreadTest, what_is_put_back_comes_before_what_is_there) {
    Bytes below("stream and more");
    Unread unread(below);
    unread.put_back("");
    EXPECT_TRUE(unread.is_empty());
    unread.fill(1);
    unread.put_back("request ");
    EXPECT_EQ(unread.bytes(), "request stream and more");
    unread.take(unread.bytes().size());
    unread.put_back(std::string(20'000, 'x'));
    EXPECT_EQ(unread.bytes().size(), 20'000U);
    EXPECT_FALSE(unread.is_drained());
}

TEST(UnreadTest, one_read_takes_what_is_there_and_the_next_reader_gets_the_rest) {
    Bytes below("headerbodyraw bytes");
    Unread unread(below);
    EXPECT_EQ(unread.fill(6), 19);
    EXPECT_EQ(unread.bytes(), "headerbodyraw bytes");
    unread.take(6);
    EXPECT_EQ(unread.bytes(), "bodyraw bytes");
    unread.take(4);
    EXPECT_FALSE(unread.is_drained());
    EXPECT_FALSE(unread.is_quiet());
    EXPECT_FALSE(unread.can_splice());
    std::array<char, 4> into;
    EXPECT_EQ(unread.read(into), 4);
    EXPECT_EQ(std::string_view(into.data(), 4), "raw ");
    EXPECT_EQ(unread.read(into), 4);
    EXPECT_EQ(std::string_view(into.data(), 4), "byte");
    EXPECT_EQ(unread.read(into), 1) << "what is held, and no more";
    EXPECT_EQ(below.reads, 1U);
    EXPECT_TRUE(unread.is_empty());
    EXPECT_TRUE(unread.is_drained());
    EXPECT_TRUE(unread.is_quiet());
    EXPECT_TRUE(unread.can_splice());
    EXPECT_EQ(unread.read(into), -1);
    EXPECT_EQ(errno, EAGAIN);
}

TEST(UnreadTest, is_drained_only_with_what_lies_below) {
    Bytes below("xy", 1);
    Unread unread(below);
    EXPECT_EQ(unread.fill(1), 1);
    unread.take(1);
    EXPECT_FALSE(unread.is_drained());
    EXPECT_EQ(unread.fill(1), 1);
    unread.take(1);
    EXPECT_TRUE(unread.is_drained());
}

TEST(UnreadTest, no_more_is_read_than_its_bound_or_what_is_asked_for) {
    const std::string all = some_bytes(10'000);
    Bytes below(all);
    Unread unread(below);
    EXPECT_EQ(unread.fill(1), ssize_t{kUnreadBytes});
    unread.take(500);
    EXPECT_EQ(unread.fill(5'000), 5'000 - (ssize_t{kUnreadBytes} - 500));
    EXPECT_TRUE(unread.bytes() == std::string_view(all).substr(500, 5'000));
    unread.take(4'999);
    EXPECT_EQ(unread.fill(2), 4'500) << "into the room that is there";
    EXPECT_TRUE(unread.bytes() == std::string_view(all).substr(5'499));
}

TEST(UnreadTest, a_read_that_brings_nothing_costs_no_memory) {
    Bytes below("");
    Unread unread(below);
    EXPECT_EQ(unread.fill(8), -1);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_TRUE(unread.is_empty());
}

TEST(UnreadTest, what_it_holds_can_go_below_another_layer) {
    Bytes below("abc");
    Unread over(below);
    EXPECT_EQ(over.fill(1), 3);
    over.take(1);
    Unread under(over);
    EXPECT_TRUE(over.is_empty());
    EXPECT_EQ(under.bytes(), "bc");
    over.attach(under);
    std::array<char, 2> into;
    EXPECT_EQ(over.read(into), 2);
    EXPECT_EQ(std::string_view(into.data(), 2), "bc");
    EXPECT_TRUE(over.is_drained());
}

class ReadAheadTest : public testing::Test {
  protected:
    void send(std::string_view bytes) {
        ASSERT_EQ(::send(pair.a.get(), bytes.data(), bytes.size(), 0), std::ssize(bytes));
    }
    asio::io_context context;
    TcpPair pair;
    Connection connection{adopt(context, std::move(pair.b))};
};

TEST_F(ReadAheadTest, waits_for_what_is_missing_though_some_is_there) {
    send("abc");
    ASSERT_EQ(run(context, connection.read_ahead(2)), std::error_code());
    EXPECT_EQ(connection.unread(), "abc");
    EXPECT_TRUE(connection.has_input());
    EXPECT_FALSE(connection.is_quiet());
    bool told = false;
    connection.until_input([&](std::error_code error) { told = !error; });
    EXPECT_TRUE(run_until(context, [&] { return told; })) << "there is something to receive";
    std::optional<std::error_code> ended;
    asio::co_spawn(context, connection.read_ahead(5),
                   [&](const std::exception_ptr&, std::error_code error) { ended = error; });
    for (int i = 0; i < 20; ++i) context.poll_one();
    EXPECT_FALSE(ended);
    send("de");
    ASSERT_TRUE(run_until(context, [&] { return ended.has_value(); }));
    EXPECT_EQ(*ended, std::error_code());
    std::array<char, 10> into;
    EXPECT_EQ(connection.receive(into), 5);
    EXPECT_EQ(connection.unread(), "");
    EXPECT_TRUE(connection.is_quiet());
}

/// What was dialled is not asked before it was told of, so that a fresh connection costs no read.
TEST_F(ReadAheadTest, what_is_there_before_the_first_wait_is_told_of) {
    TcpPair dialled;
    Connection ours(context.get_executor(), std::move(dialled.a), Endpoint(),
                    Connection::Origin::dialled);
    ASSERT_EQ(::send(dialled.b.get(), "hello", 5, 0), 5);
    EXPECT_TRUE(ours.bytes().is_drained());
    ASSERT_EQ(run(context, ours.read_ahead(5)), std::error_code());
    EXPECT_EQ(ours.unread(), "hello");
    ours.take(5);
    ASSERT_EQ(::shutdown(dialled.b.get(), SHUT_WR), 0);
    EXPECT_EQ(run(context, ours.read_ahead(1)), asio::error::eof);
}

TEST_F(ReadAheadTest, a_closed_connection_gives_no_more_of_what_was_read) {
    send("two messages");
    ASSERT_EQ(run(context, connection.read_ahead(3)), std::error_code());
    connection.take(4);
    connection.close();
    EXPECT_EQ(run(context, connection.read_ahead(8)), asio::error::operation_aborted);
}

TEST_F(ReadAheadTest, an_end_comes_after_what_is_unread) {
    send("abc");
    ASSERT_EQ(::shutdown(pair.a.get(), SHUT_WR), 0);
    EXPECT_EQ(run(context, connection.read_ahead(4)), asio::error::eof);
    std::array<char, 10> into;
    EXPECT_EQ(connection.receive(into), 3);
    EXPECT_EQ(connection.receive(into), 0);
}

TEST_F(ReadAheadTest, messages_that_are_read_ahead_leave_others_their_turn) {
    constexpr unsigned kMessages = 100;
    send(std::string(kMessages, 'x'));
    ASSERT_TRUE(eventually([&] {
        int there = 0;
        return ::ioctl(connection.fd(), FIONREAD, &there) == 0 && there == kMessages;
    }));
    unsigned taken = 0;
    Others others(context, [&] { return taken < kMessages; });
    const auto take_all = [&]() -> Task<std::error_code> {
        while (taken < kMessages) {
            connection.charge(Turn::kMessage);
            const auto error = co_await connection.read_ahead(1);
            if (error) co_return error;
            connection.take(1);
            ++taken;
        }
        co_return std::error_code{};
    };
    EXPECT_EQ(run(context, take_all()), std::error_code());
    EXPECT_GE(others.turns, kMessages * Turn::kMessage / kTurnOperations - 1);
}

TEST_F(ReadAheadTest, what_was_read_before_tls_belongs_to_its_handshake) {
    SocketSession client(psk(TlsSide::client).session(), pair.a.get());
    ASSERT_EQ(client.handshake(), TlsSession::Handshake::wait);
    ASSERT_EQ(run(context, connection.read_ahead(8)), std::error_code());
    connection.secure(psk(TlsSide::server).session());
    EXPECT_EQ(connection.unread(), "") << "not what comes through TLS";
    ASSERT_TRUE(shake_hands(client, *connection.tls()));
    ASSERT_TRUE(send_all(client, "in TLS"));
    ASSERT_EQ(run(context, connection.read_ahead(6)), std::error_code());
    EXPECT_EQ(connection.unread(), "in TLS");
}

}  // namespace
}  // namespace inout::unread_test
