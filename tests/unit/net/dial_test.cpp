// Dialling and the look-up under it, on loopback: 127.0.0.1 answers, 127.0.0.2 refuses, and a
// listener whose backlog is full is silent, because the kernel drops SYNs to it (listen(2)).
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "../loopback.hpp"
#include "common/net/dial.hpp"
#include "common/net/resolver.hpp"

namespace inout::dial_test {
namespace {

using namespace std::chrono_literals;

using Dialled = Result<ConnectionPtr, DialError>;

/// A listener that answers nobody any more.
class SilentListener {
  public:
    SilentListener() : listener_(0) {
        // A backlog of 0 takes one connection; what comes after it waits for a SYN-ACK in vain.
        for (int i = 0; i < 3; ++i) fillers_.push_back(listener_.connect(false));
    }
    std::uint16_t port() const { return listener_.port(); }

  private:
    LoopbackListener listener_;
    std::vector<UniqueFd> fillers_;
};

template <class Name>
std::uint16_t port_of(const UniqueFd& fd, Name name) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    EXPECT_EQ(name(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return ntohs(address.sin_port);
}

/// A port at which nobody listens.
std::uint16_t closed_port() { return LoopbackListener().port(); }

class DialTest : public testing::Test {
  protected:
    Dialled dial_to(const std::string& host, std::uint16_t port,
                    DialOrder order = DialOrder::racing, Milliseconds timeout = 10s) {
        const auto start = Clock::now();
        auto result = run(context, dial(context.get_executor(), {host, port}, order, timeout));
        took = Clock::now() - start;
        if (result) return std::move(*result);
        return Failure{DialError{DialError::Kind::lack, "the dial did not end"}};
    }

    asio::io_context context;
    LoopbackListener listener;
    Clock::duration took{};
};

TEST_F(DialTest, reaches_a_literal_address) {
    auto dialled = dial_to("127.0.0.1", listener.port());
    ASSERT_TRUE(dialled) << dialled.error().detail;
    EXPECT_EQ((*dialled)->peer(), "127.0.0.1:" + std::to_string(listener.port()));
}

TEST_F(DialTest, reaches_a_name_again_and_again) {
    for (int i = 0; i < 3; ++i) {
        auto dialled = dial_to("localhost", listener.port());
        ASSERT_TRUE(dialled) << dialled.error().detail;
        const UniqueFd accepted = listener.accept();
        EXPECT_TRUE(accepted);
    }
}

TEST_F(DialTest, what_it_dialled_is_a_reset_for_the_peer_unless_ended_on_purpose) {
    UniqueFd accepted;
    {
        auto dialled = dial_to("127.0.0.1", listener.port());
        ASSERT_TRUE(dialled);
        accepted = listener.accept();
    }
    EXPECT_EQ(end_of(accepted.get()), End::rst);
}

TEST_F(DialTest, a_refused_connection_is_refused_at_once_and_says_where) {
    const std::uint16_t port = closed_port();
    for (const auto order : {DialOrder::racing, DialOrder::in_turn}) {
        const auto dialled = dial_to("127.0.0.1", port, order);
        ASSERT_FALSE(dialled);
        EXPECT_EQ(dialled.error().kind, DialError::Kind::refused);
        EXPECT_NE(dialled.error().detail.find(":" + std::to_string(port)), std::string::npos);
        EXPECT_LT(took, 5s);
    }
}

TEST_F(DialTest, a_name_that_does_not_exist_is_unresolved_every_time_and_says_why) {
    for (int i = 0; i < 3; ++i) {
        const auto dialled = dial_to("something.invalid", 1);
        ASSERT_FALSE(dialled);
        EXPECT_EQ(dialled.error().kind, DialError::Kind::unresolved);
        // "host:port: " and then what the resolver said, which differs from system to system.
        EXPECT_TRUE(dialled.error().detail.starts_with("something.invalid:1: "));
        EXPECT_GT(dialled.error().detail.size(), std::string("something.invalid:1: ").size())
            << "attempt " << i;
    }
}

TEST_F(DialTest, a_silent_address_ends_with_the_timeout) {
    const SilentListener silent;
    for (const auto order : {DialOrder::racing, DialOrder::in_turn}) {
        const auto dialled = dial_to("127.0.0.1", silent.port(), order, 100ms);
        ASSERT_FALSE(dialled);
        EXPECT_EQ(dialled.error().kind, DialError::Kind::timeout);
        EXPECT_GE(took, 100ms);
        EXPECT_LT(took, 5s);
    }
}

/// The handshake's end and the reset are there when the dial looks the next time.
TEST_F(DialTest, a_reset_right_behind_the_handshake_is_a_refusal) {
    LoopbackListener full(0);
    std::vector<UniqueFd> fillers;
    for (int i = 0; i < 2; ++i) fillers.push_back(full.connect(false));
    std::optional<Dialled> result;
    const auto store = [](Executor executor, HostPort to, std::optional<Dialled>* into) -> Task<> {
        auto dialled = co_await dial(executor, to, DialOrder::in_turn, 20s);
        into->emplace(std::move(dialled));
    };
    const HostPort target{"127.0.0.1", full.port()};
    asio::co_spawn(context, store(context.get_executor(), target, &result),
                   [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
    context.run_for(10ms);  // the dial waits for its SYN to be answered
    ASSERT_FALSE(result);
    // With room in the queue the next SYN, a second later, is answered; then all are reset.
    const linger reset{1, 0};
    const auto is_of_a_filler = [&](const UniqueFd& accepted) {
        return std::any_of(fillers.begin(), fillers.end(), [&](const UniqueFd& filler) {
            return port_of(filler, ::getsockname) == port_of(accepted, ::getpeername);
        });
    };
    for (bool met = false; !met;) {
        pollfd wait{full.fd(), POLLIN, 0};
        ASSERT_EQ(::poll(&wait, 1, Milliseconds(kPatience).count()), 1);
        const UniqueFd accepted = full.accept();
        ::setsockopt(accepted.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        met = !is_of_a_filler(accepted);
    }
    ASSERT_TRUE(run_until(context, [&] { return result.has_value(); }));
    ASSERT_FALSE(*result);
    EXPECT_EQ(result->error().kind, DialError::Kind::refused);
    EXPECT_NE(result->error().detail.find("reset"), std::string::npos) << result->error().detail;
}

TEST_F(DialTest, a_lack_of_descriptors_is_called_that) {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const UniqueFd next(::dup(STDERR_FILENO));
    const rlimit none{static_cast<rlim_t>(next.get()), limit.rlim_max};
    run(context,
        dial(context.get_executor(), {"127.0.0.1", closed_port()}, DialOrder::in_turn, 1s));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto dialled = dial_to("127.0.0.1", 1);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    ASSERT_FALSE(dialled);
    EXPECT_EQ(dialled.error().kind, DialError::Kind::lack);
    EXPECT_NE(dialled.error().detail.find("no file descriptors"), std::string::npos);
}

/// Several dials of one name share one look-up; all of them get its answer.
TEST_F(DialTest, many_at_once_are_all_served) {
    int reached = 0;
    const auto one = [](Executor executor, HostPort target, int* count) -> Task<> {
        auto dialled = co_await dial(executor, target, DialOrder::in_turn, 10s);
        if (dialled) ++*count;
    };
    const HostPort target{"localhost", listener.port()};
    for (int i = 0; i < 20; ++i) {
        asio::co_spawn(context, one(context.get_executor(), target, &reached),
                       [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
    }
    EXPECT_TRUE(run_until(context, [&] { return reached == 20; })) << reached;
}

TEST_F(DialTest, a_literal_address_needs_no_lookup) {
    const auto resolved = run(context, resolve(context.get_executor(), {"::1", 7}, Clock::now()));
    ASSERT_TRUE(resolved && resolved->endpoints.size() == 1);
    EXPECT_EQ(to_string(resolved->endpoints[0]), "[::1]:7");
}

TEST_F(DialTest, addresses_of_a_name_have_the_port_asked_for) {
    const auto until = Clock::now() + 10s;
    const auto resolved = run(context, resolve(context.get_executor(), {"localhost", 7}, until));
    ASSERT_TRUE(resolved && !resolved->endpoints.empty());
    for (const auto& endpoint : resolved->endpoints) {
        EXPECT_TRUE(endpoint.address().is_loopback());
        EXPECT_EQ(endpoint.port(), 7);
    }
}

}  // namespace
}  // namespace inout::dial_test
