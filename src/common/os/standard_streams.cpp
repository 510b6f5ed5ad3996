#include "common/os/standard_streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string_view>

namespace inout {
namespace {

/// What a pipe holds (pipe(7)): more would wait in pieces anyway.
constexpr std::size_t kPieceBytes = 65'536;

/// Waits for one of these events on the first, or on the second, of which POLLERR and POLLHUP are
/// told in any case; -1 is nobody.
std::array<pollfd, 2> wait_for(int first, int first_events, int second, int second_events) {
    std::array<pollfd, 2> all{{{first, static_cast<short>(first_events), 0},
                               {second, static_cast<short>(second_events), 0}}};
    while (::poll(all.data(), all.size(), -1) < 0 && errno == EINTR) {
    }
    return all;
}

/// The errno of a failure; 0: all was written.
int write_all(int output, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(output, bytes.data(), bytes.size());
        if (n >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) {
            wait_for(output, POLLOUT, -1, 0);  // whoever has set O_NONBLOCK meant itself
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/// The same for a socket whose other end is closed when nobody wants the bytes any more.
bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool are_the_same(int one, int other) {
    struct stat of_one = {}, of_other = {};
    return ::fstat(one, &of_one) == 0 && ::fstat(other, &of_other) == 0 &&
           of_one.st_dev == of_other.st_dev && of_one.st_ino == of_other.st_ino;
}

}  // namespace

SocketPair make_socket_pair() {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return {};
    SocketPair pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
    if (::fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0) return {};
    return pair;
}

int carry_input(int input, int socket) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kPieceBytes);
    while (true) {
        const auto [in, out] = wait_for(input, POLLIN, socket, 0);
        if (out.revents != 0) return 0;
        if (in.revents == 0) continue;
        const ssize_t n = ::read(input, buffer.get(), kPieceBytes);
        if (n == 0) break;
        if (n < 0) {
            if (errno == EAGAIN || errno == EINTR) continue;  // another program was faster
            return errno;
        }
        if (!send_all(socket, {buffer.get(), static_cast<std::size_t>(n)})) return 0;
    }
    ::shutdown(socket, SHUT_WR);
    return 0;
}

int carry_output(int socket, int output, const std::function<void()>& left) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kPieceBytes);
    int watched = output;
    while (true) {
        const auto [in, out] = wait_for(socket, POLLIN, watched, 0);
        if (out.revents != 0) {
            watched = -1;  // or it would be told again and again
            left();
        }
        if (in.revents == 0) continue;
        const ssize_t n = ::recv(socket, buffer.get(), kPieceBytes, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;  // a close with bytes of ours unread is an error here, and an end too
        const int error = write_all(output, {buffer.get(), static_cast<std::size_t>(n)});
        if (error != 0) return error;
    }
    return 0;
}

void end_output(int output, int input) {
    if (are_the_same(output, input)) ::shutdown(output, SHUT_WR);
    const UniqueFd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (nowhere) ::dup2(nowhere.get(), output);
}

bool has_reader_left(int output) {
    pollfd state{output, 0, 0};
    return ::poll(&state, 1, 0) > 0;
}

}  // namespace inout
