#include "common/os/descriptor_channel.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace inout {
namespace {

/// Room for one descriptor beside a message, as the kernel wants it aligned.
struct Beside {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
};

bool wait_for(int channel, short events, Milliseconds timeout) {
    pollfd waiting{channel, events, 0};
    while (true) {
        const int count = ::poll(&waiting, 1, static_cast<int>(timeout.count()));
        if (count >= 0 || errno != EINTR) return count > 0;
    }
}

}  // namespace

std::optional<ChannelEnds> make_channel() {
    std::array<int, 2> ends{};
    // Of packets, so that a name is whole and never meets the next one.
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
        return std::nullopt;
    }
    return ChannelEnds{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool is_channel(int descriptor) {
    int domain = 0, type = 0;
    socklen_t size = sizeof domain;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           domain == AF_UNIX && ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           type == SOCK_SEQPACKET;
}

bool send_on_channel(int channel, std::string_view name, int descriptor, Milliseconds timeout) {
    name = name.substr(0, kChannelNameBytes);
    iovec text{const_cast<char*>(name.data()), name.size()};
    msghdr message{};
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    Beside beside;
    if (descriptor >= 0) {
        message.msg_control = beside.bytes.data();
        message.msg_controllen = beside.bytes.size();
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof descriptor);
        std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    while (::sendmsg(channel, &message, MSG_NOSIGNAL) < 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN || !wait_for(channel, POLLOUT, timeout)) return false;
    }
    return true;
}

std::optional<NamedDescriptor> receive_on_channel(int channel, Milliseconds timeout) {
    std::array<char, kChannelNameBytes> buffer{};
    iovec text{buffer.data(), buffer.size()};
    Beside beside;
    msghdr message{};
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    message.msg_control = beside.bytes.data();
    message.msg_controllen = beside.bytes.size();
    if (!wait_for(channel, POLLIN, timeout)) return std::nullopt;
    const ssize_t size = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    if (size <= 0) return std::nullopt;
    NamedDescriptor received{std::string(buffer.data(), static_cast<std::size_t>(size)), {}};
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
        received.descriptor.reset(descriptor);
    }
    return received;
}

bool is_channel_over(int channel) {
    pollfd state{channel, POLLIN, 0};
    if (::poll(&state, 1, 0) <= 0 || (state.revents & POLLHUP) == 0) return false;
    char first = 0;
    return ::recv(channel, &first, sizeof first, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

void end_channel(int channel) { ::shutdown(channel, SHUT_RDWR); }

}  // namespace inout
