// Who gets a place among the unidentified connections, and who has to make room.
#include "proxy/strangers.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <thread>

#include "../loopback.hpp"

namespace inout::proxy::strangers_test {
namespace {

ConnectionPtr connection_from(const std::string& text, asio::io_context& context, UniqueFd fd) {
    return std::make_shared<Connection>(context.get_executor(), std::move(fd),
                                        Endpoint(asio::ip::make_address(text), 1),
                                        Connection::Origin::accepted);
}

class StrangersTest : public testing::Test {
  protected:
    /// A connection and its stay.
    struct Stranger {
        Stranger(ConnectionPtr c, std::unique_ptr<Strangers::Stay> s)
            : connection(std::move(c)), own_stay(std::move(s)), stay(*own_stay) {}
        bool was_closed() const { return !connection->is_open(); }
        ConnectionPtr connection;
        std::unique_ptr<Strangers::Stay> own_stay;
        Strangers::Stay& stay;
    };
    /// Nothing: it was refused.
    std::unique_ptr<Stranger> come(const std::string& from, std::string_view* reason = nullptr) {
        auto stranger = come_unsettled(from, reason);
        if (stranger) settle();
        return stranger;
    }
    /// The same, but who has to make room for it is not closed yet.
    std::unique_ptr<Stranger> come_unsettled(const std::string& from,
                                             std::string_view* reason = nullptr) {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));  // nothing moves here
        ConnectionPtr connection = connection_from(from, context, std::move(fd));
        auto admission = strangers.admit(connection, config);
        if (reason != nullptr) *reason = admission.reason;
        if (!admission.stay) return nullptr;
        return std::make_unique<Stranger>(std::move(connection), std::move(admission.stay));
    }
    void settle() {
        context.restart();
        context.poll();
    }

    static ProxyConfig limited() {
        ProxyConfig config;
        config.limits.handshakes = 4;
        config.limits.per_source = 2;
        return config;
    }

    ProxyConfig config = limited();
    asio::io_context context;
    Strangers strangers{config.limits};
};

TEST_F(StrangersTest, at_the_bound_the_oldest_that_has_said_nothing_makes_room) {
    const auto a = come("192.0.2.1"), b = come("192.0.2.2"), c = come("192.0.2.3"),
               d = come("192.0.2.4");
    a->stay.has_spoken();
    const auto e = come("192.0.2.5");
    EXPECT_TRUE(b->was_closed() && b->stay.evicted());
    EXPECT_FALSE(a->was_closed() || c->was_closed() || d->was_closed() || e->was_closed());
    const auto f = come("192.0.2.6");
    EXPECT_TRUE(c->was_closed());
    EXPECT_FALSE(a->was_closed());
}

TEST_F(StrangersTest, where_all_have_spoken_the_oldest_makes_room) {
    const auto a = come("192.0.2.1"), b = come("192.0.2.2"), c = come("192.0.2.3"),
               d = come("192.0.2.4");
    for (const auto& each : {&d, &c, &b, &a}) (*each)->stay.has_spoken();
    const auto e = come("192.0.2.5");
    EXPECT_TRUE(d->was_closed()) << "the first to speak";
    EXPECT_FALSE(a->was_closed() || b->was_closed() || c->was_closed() || e->was_closed());
}

TEST_F(StrangersTest, a_source_at_its_bound_makes_room_among_its_own) {
    const auto other = come("192.0.2.9");
    const auto a = come("192.0.2.1"), b = come("192.0.2.1"), c = come("192.0.2.1");
    EXPECT_TRUE(a->was_closed());
    EXPECT_FALSE(other->was_closed() || b->was_closed() || c->was_closed());
}

TEST_F(StrangersTest, a_source_of_ipv6_is_a_64) {
    const auto a = come("2001:db8:1:1::1"), b = come("2001:db8:1:1::2"),
               neighbour = come("2001:db8:1:2::1"), c = come("2001:db8:1:1::3");
    EXPECT_TRUE(a->was_closed());
    EXPECT_FALSE(b->was_closed() || neighbour->was_closed() || c->was_closed());
}

TEST_F(StrangersTest, trusted_addresses_are_bounded_in_all_only_and_never_punished) {
    std::vector<std::unique_ptr<Stranger>> all;
    all.reserve(5);
    for (int i = 0; i < 4; ++i) all.push_back(come("127.0.0.1"));
    for (const auto& each : all) EXPECT_FALSE(each->was_closed());
    all.push_back(come("127.0.0.1"));
    EXPECT_TRUE(all.front()->was_closed());
    for (unsigned i = 0; i < 3 * kFreeFailures; ++i) {
        const auto each = come("127.0.0.1");
        ASSERT_TRUE(each);
        each->stay.failed();
    }
}

TEST_F(StrangersTest, a_place_that_is_left_is_free) {
    const auto a = come("192.0.2.1"), b = come("192.0.2.1");
    a->stay.leave();
    const auto c = come("192.0.2.1");
    EXPECT_FALSE(a->was_closed() || b->was_closed() || c->was_closed());
    const auto d = come("192.0.2.1");
    EXPECT_FALSE(a->was_closed()) << "identified: none of these any more";
    EXPECT_TRUE(b->was_closed());
}

TEST_F(StrangersTest, whoever_is_recognised_leaves_with_that) {
    const auto a = come("192.0.2.1"), b = come("192.0.2.1");
    const auto known = a->stay.recognised();
    b->stay.leave_known();
    a->stay.leave();
    const auto c = come("192.0.2.1"), d = come("192.0.2.1");
    EXPECT_FALSE(a->was_closed() || b->was_closed() || c->was_closed() || d->was_closed());
}

TEST_F(StrangersTest, whoever_is_gone_before_its_session_begins_has_left) {
    come_unsettled("192.0.2.1");
    const auto a = come("192.0.2.1"), b = come("192.0.2.1");
    EXPECT_FALSE(a->was_closed() || b->was_closed());
}

TEST_F(StrangersTest,
       a_source_that_fails_again_and_again_may_do_less_then_is_refused_and_no_other_is) {
    unsigned told = 0, read = 0;
    std::string_view reason;
    for (unsigned i = 0; i < 200; ++i) {
        const auto each = come("192.0.2.1", &reason);
        if (!each) continue;
        ++(each->stay.may_shake_hands() ? read : told);
        if (i <= kFreeFailures) {
            ASSERT_EQ(each->stay.penalty_s(), 0) << i;
        }
        if (each->stay.may_shake_hands()) each->stay.failed();
    }
    EXPECT_EQ(reason, "repeated failures");
    // More only if this machine takes seconds for that.
    EXPECT_GE(read, kFreeFailures + 1 + kPenalisedReadsBurst);
    EXPECT_LE(read, kFreeFailures + 1 + 3 * kPenalisedReadsBurst);
    EXPECT_GE(told, kPlainReadsBurst);
    EXPECT_LT(told + read, 200U);
    const auto other = come("192.0.2.2");
    ASSERT_TRUE(other);
    EXPECT_EQ(other->stay.penalty_s(), 0);
}

TEST_F(StrangersTest, a_source_where_somebody_is_known_is_never_refused) {
    const auto known = come("192.0.2.1")->stay.recognised();
    for (unsigned i = 0; i < 200; ++i) {
        const auto each = come("192.0.2.1");
        ASSERT_TRUE(each) << i;
        ASSERT_TRUE(each->stay.may_shake_hands());
        if (i > kFreeFailures) {
            ASSERT_GT(each->stay.penalty_s(), 0);
        }
        each->stay.failed();
    }
    EXPECT_TRUE(come("192.0.2.1")->stay.has_turn()) << "all of them came in the clear";
    for (unsigned i = 0; i < 200; ++i) {
        const auto each = come("192.0.2.1");
        each->stay.shakes_hands();
        each->stay.failed();
    }
    EXPECT_FALSE(come("192.0.2.1")->stay.has_turn()) << "but its handshakes take turns";
}

TEST_F(StrangersTest, a_handshake_that_is_evicted_by_its_own_source_has_cost_one) {
    const auto known = come("192.0.2.1")->stay.recognised();
    std::deque<std::unique_ptr<Stranger>> last;
    const auto crowd = [&](bool shakes_hands) {
        bool has_turn = true;
        for (unsigned i = 0; i < 1'000 && has_turn; ++i) {
            last.push_back(come("192.0.2.1"));
            if (shakes_hands) last.back()->stay.shakes_hands();
            has_turn = last.back()->stay.has_turn();
            if (last.size() > 3) last.pop_front();
        }
        return !has_turn;
    };
    EXPECT_FALSE(crowd(false));
    EXPECT_GT(last.back()->stay.penalty_s(), 0);
    EXPECT_TRUE(crowd(true)) << "many of these may not begin at once";
}

TEST_F(StrangersTest, being_evicted_by_ones_own_source_is_a_failure) {
    std::vector<std::unique_ptr<Stranger>> all;
    for (unsigned i = 0; i < kFreeFailures + 4; ++i) {
        auto each = come("192.0.2.1");
        ASSERT_TRUE(each);
        if (i >= kFreeFailures + 3) {
            EXPECT_GT(each->stay.penalty_s(), 0);
        }
        all.push_back(std::move(each));
    }
}

TEST_F(StrangersTest, a_monitor_costs_nothing_until_it_is_a_flood) {
    unsigned free = 0;
    for (unsigned i = 0; i < 3 * kMonitorHandshakesBurst; ++i) {
        auto each = come("192.0.2.1");
        if (!each) break;
        each->stay.shakes_hands();
        free += each->stay.monitored() ? 1 : 0;
    }
    EXPECT_GE(free, kMonitorHandshakesBurst);
    EXPECT_LT(free, 2 * kMonitorHandshakesBurst);
}

TEST_F(StrangersTest, a_monitor_in_the_clear_costs_nothing) {
    for (unsigned i = 0; i < 3 * kMonitorHandshakesBurst; ++i) {
        auto each = come("192.0.2.1");
        ASSERT_TRUE(each);
        EXPECT_TRUE(each->stay.monitored());
    }
}

TEST_F(StrangersTest, a_known_peer_clears_its_source) {
    for (unsigned i = 0; i < 3 * kFreeFailures; ++i) {
        const auto each = come("192.0.2.1");
        ASSERT_TRUE(each) << i;
        each->stay.failed();
        if (i % kFreeFailures == 0) come("192.0.2.1")->stay.recognised();
    }
    come("192.0.2.1")->stay.leave_known();
    for (unsigned i = 0; i <= kFreeFailures; ++i) {
        const auto each = come("192.0.2.1");
        ASSERT_TRUE(each) << i;
        EXPECT_EQ(each->stay.penalty_s(), 0) << i;
        each->stay.failed();
    }
    EXPECT_TRUE(come("192.0.2.1")->stay.may_shake_hands()) << "it is known for a while";
}

TEST_F(StrangersTest, whoever_is_evicted_before_its_session_begins_is_closed) {
    const auto first = come_unsettled("192.0.2.1");
    const auto b = come("192.0.2.1"), c = come("192.0.2.1");
    EXPECT_TRUE(first->was_closed() && first->stay.evicted());
    first->stay.has_spoken();
    first->stay.failed();
    EXPECT_FALSE(b->was_closed() || c->was_closed());
}

TEST_F(StrangersTest, an_eviction_that_comes_too_late_closes_nothing) {
    const auto a = come("192.0.2.1"), b = come("192.0.2.1");
    const auto c = come_unsettled("192.0.2.1");
    a->stay.leave();  // identified before the eviction was carried out
    settle();
    EXPECT_FALSE(a->was_closed());
}

/// Those who send eight bytes and then wait may not make every newcomer the next to go.
TEST_F(StrangersTest, a_newcomer_survives_the_next_one_though_all_others_have_spoken) {
    const auto a = come("192.0.2.1"), b = come("192.0.2.2"), c = come("192.0.2.3");
    for (const auto& each : {&a, &b, &c}) (*each)->stay.has_spoken();
    const auto newcomer = come("198.51.100.1");
    const auto next = come("192.0.2.4");
    EXPECT_FALSE(newcomer->was_closed());
}

TEST_F(StrangersTest, denied_addresses_and_a_full_proxy_are_refused_with_a_reason) {
    config.access.deny = {*AddressRange::parse("192.0.2.0/24")};
    std::string_view reason;
    EXPECT_FALSE(come("192.0.2.1", &reason));
    EXPECT_EQ(reason, "allow and deny");
    config.limits.connections = counters().sockets + 1;
    const auto last = come("198.51.100.1");
    EXPECT_TRUE(last);
    EXPECT_FALSE(come("198.51.100.2", &reason));
    EXPECT_EQ(reason, "limits.connections");
}

TEST_F(StrangersTest, threads_may_come_and_go_at_once) {
    const auto churn = [&](const std::string& prefix) {
        asio::io_context own;
        for (int i = 0; i < 2'000; ++i) {
            const std::string from = prefix + std::to_string(i % 5);
            const ConnectionPtr connection = connection_from(from, own, UniqueFd());
            const auto stay = strangers.admit(connection, config).stay;
            if (!stay) continue;
            if (i % 2 == 0) stay->has_spoken();
            if (i % 3 == 0) own.poll();
            if (i % 5 == 1) stay->leave_known();
            if (i % 100 == 0) stay->failed();
        }
        own.restart();
        own.poll();
    };
    std::thread other(churn, "192.0.2.");
    churn("198.51.100.");
    other.join();
    const auto a = come("203.0.113.1"), b = come("203.0.113.2"), c = come("203.0.113.3"),
               d = come("203.0.113.4");
    EXPECT_FALSE(a->was_closed() || b->was_closed() || c->was_closed() || d->was_closed())
        << "all the others have left";
}

}  // namespace
}  // namespace inout::proxy::strangers_test
