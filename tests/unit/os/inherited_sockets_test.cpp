// Listening sockets that came from another process, over a channel as from the real one.
#include "common/os/inherited_sockets.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

namespace inout::inherited_sockets_test {
namespace {

constexpr Milliseconds kSoon{1'000};

sockaddr_in address_of(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    return address;
}

sockaddr_in loopback(std::uint16_t port = 0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

const sockaddr& as_address(const sockaddr_in& address) {
    return reinterpret_cast<const sockaddr&>(address);
}

UniqueFd listening() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = loopback();
    EXPECT_EQ(::bind(fd.get(), &as_address(address), sizeof address), 0);
    EXPECT_EQ(::listen(fd.get(), 1), 0);
    return fd;
}

UniqueFd listening_on_all_of_ipv6(int v6_only) {
    UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd.get(), 1), 0);
    return fd;
}

class InheritedSocketsTest : public testing::Test {
  protected:
    /// Through a channel, so that it is another descriptor of the same socket.
    void give(const std::string& name, const UniqueFd& socket) {
        auto channel = make_channel();
        ASSERT_TRUE(channel);
        ASSERT_TRUE(send_on_channel(channel->here.get(), name, socket.get(), kSoon));
        auto received = receive_on_channel(channel->there.get(), kSoon);
        ASSERT_TRUE(received && received->descriptor);
        EXPECT_EQ(received->name, name);
        sockets.add(std::move(*received));
    }
    InheritedSockets sockets;
};

TEST_F(InheritedSocketsTest, one_is_found_by_its_address_and_once) {
    const UniqueFd socket = listening();
    give("a", socket);
    const auto place = address_of(socket.get());
    const UniqueFd taken = sockets.take(as_address(place), "whatever");
    ASSERT_TRUE(taken);
    EXPECT_NE(taken.get(), socket.get());
    EXPECT_EQ(address_of(taken.get()).sin_port, place.sin_port);
    EXPECT_FALSE(sockets.take(as_address(place), "whatever"));
}

TEST_F(InheritedSocketsTest, where_the_kernel_has_chosen_the_port_its_name_tells) {
    const UniqueFd a = listening(), b = listening();
    give("a", a);
    give("b", b);
    const auto any = loopback();
    EXPECT_FALSE(sockets.take(as_address(any), "c"));
    EXPECT_FALSE(sockets.take(as_address(any), ""));
    const UniqueFd taken = sockets.take(as_address(any), "b");
    ASSERT_TRUE(taken);
    EXPECT_EQ(address_of(taken.get()).sin_port, address_of(b.get()).sin_port);
    EXPECT_EQ(sockets.close_rest(), std::vector<std::string>{"a"});
}

TEST_F(InheritedSocketsTest, another_address_is_another_place) {
    const UniqueFd socket = listening();
    give("a", socket);
    auto place = address_of(socket.get());
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    EXPECT_FALSE(sockets.take(as_address(place), "a"));
}

TEST_F(InheritedSocketsTest, what_does_not_listen_is_not_taken) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = loopback();
    ASSERT_EQ(::bind(fd.get(), &as_address(address), sizeof address), 0);
    give("a", fd);
    EXPECT_FALSE(sockets.take(as_address(address_of(fd.get())), "a"));
}

TEST_F(InheritedSocketsTest, another_protocol_is_another_place) {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP));
    if (!fd) GTEST_SKIP() << "no Multipath TCP here";
    const auto address = loopback();
    ASSERT_EQ(::bind(fd.get(), &as_address(address), sizeof address), 0);
    ASSERT_EQ(::listen(fd.get(), 1), 0);
    give("a", fd);
    EXPECT_FALSE(sockets.take(as_address(address_of(fd.get())), "a"));
}

TEST_F(InheritedSocketsTest, at_all_addresses_of_ipv6_it_must_take_ipv4_too) {
    for (const int v6_only : {1, 0}) {
        const UniqueFd socket = listening_on_all_of_ipv6(v6_only);
        if (!socket) GTEST_SKIP() << "no IPv6 here";
        give("all", socket);
        sockaddr_in6 any{};
        any.sin6_family = AF_INET6;
        EXPECT_EQ(static_cast<bool>(sockets.take(reinterpret_cast<sockaddr&>(any), "all")),
                  v6_only == 0);
        sockets.close_rest();
    }
}

TEST(DescriptorChannelTest, a_side_that_has_gone_is_no_wait) {
    auto channel = make_channel();
    ASSERT_TRUE(channel);
    channel->there.reset();
    EXPECT_FALSE(send_on_channel(channel->here.get(), "word", -1, kSoon));
    EXPECT_FALSE(receive_on_channel(channel->here.get(), kSoon));
}

TEST(DescriptorChannelTest, words_stay_apart_and_a_long_one_is_cut) {
    auto channel = make_channel();
    ASSERT_TRUE(channel);
    const std::string words(kChannelNameBytes + 1, 'x');
    ASSERT_TRUE(send_on_channel(channel->here.get(), words, -1, kSoon));
    ASSERT_TRUE(send_on_channel(channel->here.get(), "b", -1, kSoon));
    EXPECT_EQ(receive_on_channel(channel->there.get(), kSoon)->name.size(), kChannelNameBytes);
    const auto second = receive_on_channel(channel->there.get(), kSoon);
    EXPECT_EQ(second->name, "b");
    EXPECT_FALSE(second->descriptor);
}

}  // namespace
}  // namespace inout::inherited_sockets_test
