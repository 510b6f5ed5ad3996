// Dialling a name with several addresses, and one whose addresses change. The look-up is ours: this
// ares_getaddrinfo stands before c-ares', which it asks for everything but the test's names.
#include <ares.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "../loopback.hpp"
#include "common/net/dial.hpp"
#include "common/net/resolver.hpp"

namespace inout::dial_addresses_test {
namespace {

using namespace std::chrono_literals;

struct Names {
    std::mutex mutex;  // look-ups run on the resolver's thread
    std::map<std::string, std::vector<std::string>> addresses;
    std::map<std::string, int> lookups;
};
Names& names() {
    static Names instance;
    return instance;
}

/// As c-ares allocates it: ares_freeaddrinfo() frees it with free(3).
template <class T>
T* allocated() {
    return static_cast<T*>(std::calloc(1, sizeof(T)));  // NOLINT
}

ares_addrinfo* made_of(const std::vector<std::string>& addresses) {
    auto* result = allocated<ares_addrinfo>();
    ares_addrinfo_node** next = &result->nodes;
    for (const std::string& address : addresses) {
        auto* node = allocated<ares_addrinfo_node>();
        auto* place = allocated<sockaddr_in>();
        place->sin_family = AF_INET;
        ::inet_pton(AF_INET, address.c_str(), &place->sin_addr);
        node->ai_family = AF_INET;
        node->ai_addrlen = sizeof *place;
        node->ai_addr = reinterpret_cast<sockaddr*>(place);
        *next = node;
        next = &node->ai_next;
    }
    return result;
}

}  // namespace
}  // namespace inout::dial_addresses_test

extern "C" void ares_getaddrinfo(ares_channel channel, const char* node, const char* service,
                                 const ares_addrinfo_hints* hints, ares_addrinfo_callback callback,
                                 void* data) {
    std::vector<std::string> addresses;
    {
        const std::lock_guard lock(inout::dial_addresses_test::names().mutex);
        const auto found = inout::dial_addresses_test::names().addresses.find(node);
        if (found == inout::dial_addresses_test::names().addresses.end()) {
            static const auto real = reinterpret_cast<decltype(&ares_getaddrinfo)>(
                ::dlsym(RTLD_NEXT, "ares_getaddrinfo"));
            return real(channel, node, service, hints, callback, data);
        }
        ++inout::dial_addresses_test::names().lookups[node];
        addresses = found->second;
    }
    if (addresses.empty()) {
        callback(data, ARES_ENOTFOUND, 0, nullptr);
    } else {
        callback(data, ARES_SUCCESS, 0, inout::dial_addresses_test::made_of(addresses));
    }
}

namespace inout::dial_addresses_test {
namespace {

class DialAddressesTest : public testing::Test {
  protected:
    static void set_addresses(const std::string& name, std::vector<std::string> addresses) {
        const std::lock_guard lock(names().mutex);
        names().addresses[name] = std::move(addresses);
    }
    static int lookups(const std::string& name) {
        const std::lock_guard lock(names().mutex);
        return names().lookups[name];
    }
    /// "" if it was reached, otherwise what kind of failure it was.
    std::string dial_to(const std::string& name, DialOrder order, Milliseconds timeout = 10s) {
        const auto start = Clock::now();
        auto result = run(context, dial(context.get_executor(), {name, port}, order, timeout));
        took = Clock::now() - start;
        if (!result) return "did not end";
        constexpr const char* kKinds[] = {"unresolved", "timeout", "refused", "lack"};
        return *result ? "" : kKinds[static_cast<std::size_t>(result->error().kind)];
    }

    asio::io_context context;
    LoopbackListener listener;  // 127.0.0.1
    std::uint16_t port = listener.port();
    /// Answers nobody: its backlog is full (listen(2)).
    LoopbackListener silent{0, INADDR_LOOPBACK + 1, port};  // 127.0.0.2
    std::vector<UniqueFd> fillers;
    Clock::duration took{};

    void SetUp() override {
        for (int i = 0; i < 3; ++i) fillers.push_back(silent.connect(false));
    }
};

TEST_F(DialAddressesTest, racing_starts_the_second_address_beside_a_silent_first) {
    set_addresses("race.test", {"127.0.0.2", "127.0.0.1"});
    EXPECT_EQ(dial_to("race.test", DialOrder::racing), "");
    EXPECT_GE(took, kConnectionAttemptDelay);
    EXPECT_LT(took, 5s);
}

TEST_F(DialAddressesTest, a_refusing_address_gives_way_at_once) {
    set_addresses("refused-first.test", {"127.0.0.3", "127.0.0.1"});
    for (const auto order : {DialOrder::racing, DialOrder::in_turn}) {
        EXPECT_EQ(dial_to("refused-first.test", order), "");
        EXPECT_LT(took, kConnectionAttemptDelay);
    }
}

TEST_F(DialAddressesTest, in_turn_gives_each_address_its_share_of_the_time) {
    set_addresses("turn.test", {"127.0.0.2", "127.0.0.1"});
    EXPECT_EQ(dial_to("turn.test", DialOrder::in_turn, 400ms), "");
    EXPECT_GE(took, 200ms);
    EXPECT_LT(took, 400ms);
}

TEST_F(DialAddressesTest, a_silent_first_address_is_paid_for_once) {
    set_addresses("dead-first.test", {"127.0.0.2", "127.0.0.1"});
    EXPECT_EQ(dial_to("dead-first.test", DialOrder::in_turn, 2s), "");
    EXPECT_GE(took, 1s) << "its share of the time";
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(dial_to("dead-first.test", DialOrder::in_turn, 2s), "");
        EXPECT_LT(took, 900ms);
    }
}

TEST_F(DialAddressesTest, in_turn_ends_when_the_last_address_has_refused) {
    set_addresses("silent-then-refused.test", {"127.0.0.2", "127.0.0.3"});
    EXPECT_EQ(dial_to("silent-then-refused.test", DialOrder::in_turn, 2s), "refused");
    EXPECT_GE(took, 1s) << "the silent one's share";
    EXPECT_LT(took, 1900ms) << "and not the whole time";
}

TEST_F(DialAddressesTest, a_refusal_says_more_than_silence) {
    set_addresses("mixed.test", {"127.0.0.3", "127.0.0.2"});
    for (const auto order : {DialOrder::racing, DialOrder::in_turn}) {
        EXPECT_EQ(dial_to("mixed.test", order, 300ms), "refused");
    }
}

TEST_F(DialAddressesTest, a_name_is_looked_up_once_for_a_few_seconds) {
    set_addresses("fresh.test", {"127.0.0.1"});
    for (int i = 0; i < 5; ++i) EXPECT_EQ(dial_to("fresh.test", DialOrder::racing), "");
    EXPECT_EQ(lookups("fresh.test"), 1);
}

TEST_F(DialAddressesTest, blocking_look_ups_have_all_addresses_with_the_port_asked_for) {
    set_addresses("blocking.test", {"127.0.0.2", "127.0.0.1"});
    const auto resolved = resolve_now({"blocking.test", 7}, 10s);
    ASSERT_EQ(resolved.endpoints.size(), 2U) << resolved.error;
    EXPECT_EQ(to_string(resolved.endpoints[0]), "127.0.0.2:7");
    EXPECT_EQ(to_string(resolved.endpoints[1]), "127.0.0.1:7");
}

TEST_F(DialAddressesTest, a_name_that_did_not_resolve_is_asked_for_again_at_once) {
    set_addresses("late.test", {});
    EXPECT_EQ(dial_to("late.test", DialOrder::racing), "unresolved");
    set_addresses("late.test", {"127.0.0.1"});
    EXPECT_EQ(dial_to("late.test", DialOrder::racing), "");
    EXPECT_EQ(lookups("late.test"), 2);
}

TEST_F(DialAddressesTest, a_name_that_stops_resolving_is_reached_where_it_was_last) {
    set_addresses("lost.test", {"127.0.0.1"});
    EXPECT_EQ(dial_to("lost.test", DialOrder::racing), "");
    set_addresses("lost.test", {});
    EXPECT_TRUE(eventually([&] {
        EXPECT_EQ(dial_to("lost.test", DialOrder::racing), "");
        listener.accept();  // or its backlog would be full before the look-up is too old
        return lookups("lost.test") >= 2;
    }));
}

}  // namespace
}  // namespace inout::dial_addresses_test
