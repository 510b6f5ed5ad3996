// Accepting goes on whatever accept(2) says. The errors are ours: this accept4 stands before the C
// library's and fails as often as a test asks for.
#include "common/net/acceptor.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "../loopback.hpp"

namespace inout::acceptor_test {
namespace {

/// The errors that accept4 gives next, on whatever socket. One thread only.
std::deque<int>& errors() {
    static std::deque<int> instance;
    return instance;
}

}  // namespace
}  // namespace inout::acceptor_test

extern "C" int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
    auto& errors = inout::acceptor_test::errors();
    if (errors.empty()) {
        return static_cast<int>(::syscall(SYS_accept4, fd, address, size, flags));
    }
    errno = errors.front();
    errors.pop_front();
    return -1;
}

namespace inout::acceptor_test {
namespace {

using namespace std::chrono_literals;

class AcceptorTest : public testing::Test {
  protected:
    void SetUp() override { listen("127.0.0.1"); }
    void TearDown() override { errors().clear(); }

    void listen(const std::string& host) {
        const auto listening = acceptor.listen({host, 0}, resolve_now({host, 0}, kStartLookup));
        ASSERT_TRUE(listening) << listening.error();
        places = *listening;
    }
    /// A client of this place, whose connect(2) is over.
    static UniqueFd client_of(const Endpoint& place) {
        UniqueFd fd(::socket(place.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto size = static_cast<socklen_t>(place.size());
        EXPECT_EQ(::connect(fd.get(), place.data(), size), 0);
        return fd;
    }
    /// Whether a client is accepted, after all errors of the test.
    bool serves() {
        const UniqueFd client = client_of(places.front());
        const auto start = Clock::now();
        const auto accepted = run(context, acceptor.accept(context));
        took = Clock::now() - start;
        return errors().empty() && accepted && *accepted && (*accepted)->is_open();
    }

    asio::io_context context;
    Acceptor acceptor{context};
    std::vector<Endpoint> places;
    Clock::duration took{};
};

TEST_F(AcceptorTest, what_is_wrong_with_one_client_concerns_no_other) {
    errors() = {ECONNABORTED, EPERM, EINTR, EPROTO, ENETDOWN, EHOSTUNREACH};
    EXPECT_TRUE(serves());
}

TEST_F(AcceptorTest, what_has_run_out_makes_a_pause) {
    for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
        errors() = {error};
        EXPECT_TRUE(serves()) << error;
        EXPECT_GE(took, kAcceptPause) << error;
    }
}

TEST_F(AcceptorTest, an_error_that_nobody_expects_makes_a_pause_too) {
    errors() = {EINVAL, EIO};
    EXPECT_TRUE(serves());
    EXPECT_GE(took, 2 * kAcceptPause);
}

TEST_F(AcceptorTest, a_firewall_that_forbids_every_client_is_no_endless_loop) {
    errors() = std::deque<int>(2 * kRefusedInARow, EPERM);
    EXPECT_TRUE(serves());
    EXPECT_GE(took, kAcceptPause);
}

TEST_F(AcceptorTest, a_name_is_served_at_all_its_addresses_and_one_port) {
    acceptor.close();
    listen("localhost");
    for (const Endpoint& place : places) {
        EXPECT_EQ(place.port(), places.front().port());
        const UniqueFd client = client_of(place);
        const auto accepted = run(context, acceptor.accept(context));
        EXPECT_TRUE(accepted && *accepted) << to_string(place);
    }
}

TEST_F(AcceptorTest, closing_ends_the_wait_for_a_client) {
    std::optional<bool> open;
    const auto wait = [](Acceptor* from, asio::io_context* in,
                         std::optional<bool>* into) -> Task<> {
        const auto accepted = co_await from->accept(*in);
        *into = accepted != nullptr;
    };
    asio::co_spawn(context, wait(&acceptor, &context, &open),
                   [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
    context.poll();
    EXPECT_FALSE(open);
    acceptor.close();
    EXPECT_TRUE(run_until(context, [&] { return open.has_value(); }));
    EXPECT_EQ(open, false);
}

/// A listener of a network that a reload has removed.
TEST_F(AcceptorTest, its_place_is_free_when_it_is_gone_although_somebody_waited_there) {
    std::optional<bool> open;
    std::optional<Acceptor> brief(context);
    const HostPort place{"127.0.0.1", 0};
    const auto listening = brief->listen(place, resolve_now(place, kStartLookup));
    ASSERT_TRUE(listening);
    const auto wait = [](Acceptor* from, asio::io_context* in,
                         std::optional<bool>* into) -> Task<> {
        const auto accepted = co_await from->accept(*in);
        *into = accepted != nullptr;
    };
    asio::co_spawn(context, wait(&*brief, &context, &open),
                   [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
    context.poll();
    const UniqueFd client = client_of(listening->front());
    brief->close();  // the client's arrival is known to the kernel, not yet to us
    ASSERT_TRUE(run_until(context, [&] { return open.has_value(); }));
    EXPECT_EQ(open, false);
    Acceptor next(context);
    const HostPort same{"127.0.0.1", listening->front().port()};
    EXPECT_TRUE(next.listen(same, resolve_now(same, kStartLookup)));
    brief.reset();
    context.poll();
}

/// The wait at the socket ends after the acceptor: it must not touch it (ASan sees that).
TEST_F(AcceptorTest, may_go_while_its_sockets_are_waited_for) {
    std::optional<Acceptor> brief(context);
    const HostPort place{"127.0.0.1", 0};
    const auto listening = brief->listen(place, resolve_now(place, kStartLookup));
    ASSERT_TRUE(listening);
    const auto wait = [](Acceptor* from, asio::io_context* in, bool* ended) -> Task<> {
        const auto accepted = co_await from->accept(*in);
        EXPECT_FALSE(accepted);
        *ended = true;
    };
    bool ended = false;
    asio::co_spawn(context, wait(&*brief, &context, &ended),
                   [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
    context.poll();
    brief->close();
    // Its coroutine goes first; what the kernel is asked may end any time later.
    while (!ended && context.run_one() > 0) {
    }
    EXPECT_TRUE(ended);
    brief.reset();
    context.restart();
    context.poll();
}

}  // namespace
}  // namespace inout::acceptor_test
