// One direction alone, with TLS at its source or its sink: what run() says, and what it holds.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "../unit/tls_pair.hpp"
#include "common/relay/peer_watch.hpp"
#include "common/relay/pump.hpp"
#include "faulty_calls.hpp"

namespace inout::pump_tls_test {
namespace {

class PumpTlsTest : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(tls.shake()); }
    Pump::Step from_tls() { return pump.run({pipes, buffer}, *tls.server, sink); }
    Pump::Step to_tls() { return pump.run({pipes, buffer}, source, *tls.server); }
    void arrive() {
        EXPECT_TRUE(eventually([&] { return sample_tcp(tls.wire.a.get()).all_acknowledged(); }));
    }

    TlsPair tls;  // client → server → [pump] → plain.a → plain.b, or plain.a → plain.b → [pump] → …
    TcpPair plain;
    FaultyCalls calls;
    CallsLayer source{plain.b.get(), calls}, sink{plain.a.get(), calls};
    PipePool pipes;
    std::vector<char> buffer = std::vector<char>(kCopyBytes);
    Pump pump;
};

TEST_F(PumpTlsTest, a_record_that_drains_its_source_takes_one_send_and_no_pipe) {
    ASSERT_TRUE(send_all(*tls.client, std::string(100, 'x')));
    arrive();
    EXPECT_EQ(from_tls(), Pump::Step::wait_readable);
    EXPECT_EQ(calls.calls(), 1U);
    EXPECT_EQ(drain(plain.b.get(), 100), 100U);
}

TEST_F(PumpTlsTest, bulk_is_copied_and_never_spliced) {
    const std::string sent = some_bytes(100'000);
    ASSERT_TRUE(send_all(*tls.client, sent));
    arrive();
    EXPECT_EQ(from_tls(), Pump::Step::wait_readable);
    EXPECT_EQ(pump.bytes(), sent.size());
    EXPECT_EQ(calls.spliced(), 0U);
    EXPECT_FALSE(pump.holds_pipe());
}

TEST_F(PumpTlsTest, close_notify_is_the_end_and_a_cut_is_a_failure) {
    for (const bool clean : {true, false}) {
        TlsPair pair;
        ASSERT_TRUE(pair.shake());
        ASSERT_TRUE(send_all(*pair.client, "last words"));
        if (clean) {
            EXPECT_EQ(pair.client->shut_send(), 0);
        } else {
            ::shutdown(pair.wire.a.get(), SHUT_WR);
        }
        Pump own;
        Pump::Step step{};
        EXPECT_TRUE(eventually([&] {
            step = own.run({pipes, buffer}, *pair.server, sink);
            return step != Pump::Step::wait_readable;
        }));
        EXPECT_EQ(step, clean ? Pump::Step::ended : Pump::Step::source_failed);
        EXPECT_EQ(own.bytes(), 10U) << "what came before is delivered";
    }
}

TEST_F(PumpTlsTest, holds_at_most_one_buffer_when_a_tls_sink_is_full_and_loses_nothing) {
    std::string sent;
    EXPECT_TRUE(soon([&] {
        const std::string more = some_bytes(20'000, static_cast<unsigned>(sent.size()) + 1);
        const ssize_t n = ::send(plain.a.get(), more.data(), more.size(), MSG_NOSIGNAL);
        if (n > 0) sent.append(more, 0, static_cast<std::size_t>(n));
        return n < 0 && to_tls() == Pump::Step::wait_writable;
    }));
    const auto before = calls.calls();
    EXPECT_EQ(to_tls(), Pump::Step::wait_writable);
    EXPECT_EQ(calls.calls(), before) << "and reads no more";
    std::string got;
    EXPECT_TRUE(soon([&] {
        std::array<char, 20'000> into;
        const ssize_t n = tls.client->read(into);
        if (n > 0) got.append(into.data(), static_cast<std::size_t>(n));
        to_tls();
        return got.size() >= sent.size();
    }));
    EXPECT_TRUE(got == sent);
}

/// Whoever sends single bytes in records of their own makes the most work of them: still the others
/// of the worker get their turn.
TEST_F(PumpTlsTest, a_turn_of_tiny_records_is_a_short_one) {
    while (tls.client->write("x") == 1) {
    }
    from_tls();
    EXPECT_LE(calls.calls(), 1'000U) << "sends in one turn";
}

}  // namespace
}  // namespace inout::pump_tls_test
