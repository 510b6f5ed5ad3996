// The meeting of in and out over one connection: mostly the test is one of them.
#include "common/open/end_to_end.hpp"

#include <gtest/gtest.h>

#include "../peer.hpp"
#include "../tls_pair.hpp"
#include "common/net/deadline.hpp"

namespace inout::end_to_end_test {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<TlsSession> session_of(const TlsPsk& key) {
    return std::make_unique<TlsSession>(key.session());
}
TlsPsk other_key(TlsSide side) { return {side, {Secret("a key of somebody else")}, "topic"}; }

class EndToEndTest : public testing::Test {
  protected:
    /// One side of the meeting, and how that went for it.
    struct Side {
        Side(asio::io_context& context, UniqueFd fd, std::unique_ptr<TlsSession> s,
             const char* with, std::chrono::milliseconds time = kPatience)
            : connection(adopt_owned(context, std::move(fd))), deadline(*connection) {
            deadline.expires_after(time);
            asio::co_spawn(context, run(*this, std::move(s), with),
                           [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
        }
        static Task<> run(Side& side, std::unique_ptr<TlsSession> session, const char* with) {
            side.failure = co_await meet(*side.connection, std::move(session), with);
            side.is_over = true;
        }
        void expect_failure(Code code, const std::string& detail) const {
            ASSERT_TRUE(failure);
            EXPECT_EQ(to_string(failure->code), to_string(code));
            EXPECT_NE(failure->detail.find(detail), std::string::npos) << failure->detail;
        }

        ConnectionPtr connection;
        Deadline deadline;
        bool is_over = false;
        std::optional<Reason> failure;
    };

    /// In, which is played by the programs' code; `peer` is out.
    Side& begin_in(std::chrono::milliseconds time = kPatience) {
        return in.emplace(context, std::move(pair.a), session_of(psk(TlsSide::client)), "out",
                          time);
    }
    Side& begin_out(const TlsPsk& key = psk(TlsSide::server)) {
        return out.emplace(context, std::move(pair.b), session_of(key), "in");
    }
    ::testing::AssertionResult ends(const Side& side) {
        return run_until(context, [&] { return side.is_over; })
                   ? ::testing::AssertionSuccess()
                   : ::testing::AssertionFailure() << "the meeting did not end";
    }

    TcpPair pair;
    asio::io_context context;
    std::optional<Side> in, out;
};

TEST_F(EndToEndTest, with_one_key_both_have_met) {
    const Side &client = begin_in(), &server = begin_out();
    ASSERT_TRUE(ends(client));
    ASSERT_TRUE(ends(server));
    EXPECT_FALSE(client.failure);
    EXPECT_FALSE(server.failure);
    EXPECT_FALSE(client.connection->tls()->exporter().empty());
    EXPECT_EQ(client.connection->tls()->exporter(), server.connection->tls()->exporter());
}

TEST_F(EndToEndTest, with_two_keys_each_asks_for_the_other_side_s) {
    const TlsPsk key = other_key(TlsSide::server);
    const Side &client = begin_in(), &server = begin_out(key);
    ASSERT_TRUE(ends(server));
    ASSERT_TRUE(ends(client));
    server.expect_failure(Code::e2e, "(is the key the same on both sides?)");
    server.expect_failure(Code::e2e, "end-to-end handshake with in: ");
    client.expect_failure(Code::e2e, "(is the key the same on both sides?)");
    client.expect_failure(Code::e2e, "end-to-end handshake with out: ");
}

TEST_F(EndToEndTest, what_is_no_handshake_is_as_a_wrong_key) {
    const Side& client = begin_in();
    const Peer peer(context, std::move(pair.b));
    peer.say_bytes("HTTP/1.1 400 Bad Request\r\n\r\n");
    ASSERT_TRUE(ends(client));
    client.expect_failure(Code::e2e, "(is the key the same on both sides?)");
}

TEST_F(EndToEndTest, a_reset_is_a_connection_that_was_lost) {
    const Side& client = begin_in();
    EXPECT_TRUE(run_until(context, [&] { return has_input(pair.b.get()); }));
    reset(pair.b);
    ASSERT_TRUE(ends(client));
    client.expect_failure(Code::proxy_gone, "end-to-end handshake with out: ");
    EXPECT_EQ(client.failure->detail.find("the same on both sides"), std::string::npos);
}

TEST_F(EndToEndTest, silence_ends_with_the_deadline) {
    const Side& client = begin_in(20ms);
    ASSERT_TRUE(ends(client));
    client.expect_failure(Code::e2e, "end-to-end handshake with out: not done in time");
    EXPECT_FALSE(client.connection->is_open());
    EXPECT_EQ(end_of(pair.b.get()), End::rst);
}

}  // namespace
}  // namespace inout::end_to_end_test
