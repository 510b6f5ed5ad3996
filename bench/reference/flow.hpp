// Flow: one direction of a reference relay, all that is independent of the event loop.
//
// Both references move bytes with this code, so what differs between them is the event loop alone.
// Small messages go through one buffer of the process; once a read fills it, bytes go through a
// pipe until a burst is small again. A flow holds a pipe only while there is something to move. The
// figures were chosen by measurement; see the constants. Urgent data is not relayed.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "load/sockets.hpp"

namespace inout::bench {

/// One recv. A read that fills it starts splicing.
inline constexpr std::size_t kBufferBytes = 16'384;
/// The first pipes are large, which pays with few connections: larger steps, fewer switches between
/// processes (8 connections: 0.7 to 0.8 of the CPU per byte). With many, each has its steps anyway,
/// and all pipes of an unprivileged user share 64 MiB (pipe(7)).
inline constexpr int kLargePipeBytes = 1'048'576, kPipeBytes = 262'144;
inline constexpr std::size_t kLargePipes = 8;
/// Bytes after which the other flows get their turn.
inline constexpr std::size_t kTurnBytes = 1'048'576;

struct Pipe {
    UniqueFd read_end, write_end;
    int bytes = 0;
};

/// The buffer and the pipes that all flows of a process share. Pipes are kept for the next burst.
class Tools {
  public:
    char* buffer() { return buffer_.data(); }

    /// An empty pipe, or one without descriptors: then there are no more, of these or of pages.
    Pipe take_pipe() {
        if (idle_.empty()) return make_pipe();
        Pipe pipe = std::move(idle_.back());
        idle_.pop_back();
        return pipe;
    }

    /// `pipe` must be empty.
    void give_back(Pipe pipe) {
        const bool large = pipe.bytes == kLargePipeBytes;  // the next to be taken
        idle_.insert(large ? idle_.end() : idle_.begin(), std::move(pipe));
    }

  private:
    Pipe make_pipe() {
        int ends[2];
        if (refused_ || ::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return {};
        Pipe pipe{.read_end = UniqueFd(ends[0]), .write_end = UniqueFd(ends[1])};
        const int wanted = made_++ < kLargePipes ? kLargePipeBytes : kPipeBytes;
        pipe.bytes = ::fcntl(ends[1], F_SETPIPE_SZ, wanted);
        refused_ = pipe.bytes < 0;  // what it has now may be two pages
        return refused_ ? Pipe{} : std::move(pipe);
    }

    std::vector<char> buffer_ = std::vector<char>(kBufferBytes);
    std::vector<Pipe> idle_;
    std::size_t made_ = 0;
    bool refused_ = false;
};

class Flow {
  public:
    Flow(int source, int sink) : source_(source), sink_(sink) {}

    enum class Next {
        source_readable,  ///< run again when the source is readable
        sink_writable,    ///< run again when the sink is writable
        turn,             ///< run again after the others
        ended,            ///< the source's end, and all before it was delivered
        failed,           ///< reset or worse
    };

    /// Moves what can be moved now. `source_ending`: the source's FIN has arrived, so that a read
    /// must follow even after one that came up short.
    Next run(Tools& tools, bool source_ending) {
        for (std::size_t moved = 0;;) {
            if (!deliver()) return unless_again(Next::sink_writable);
            if (moved >= kTurnBytes) return Next::turn;
            const ssize_t n = splicing_ ? fill_pipe(tools) : copy(tools);
            if (n == 0) return Next::ended;
            if (n < 0) return unless_again(Next::source_readable);
            moved += static_cast<std::size_t>(n);
            // Less than was asked for: the source is drained, asking again would say EAGAIN
            // (epoll(7)). Not so for a pipe, whose slots may be used up before its bytes.
            if (!splicing_ && leftover_.empty() && !source_ending) return Next::source_readable;
        }
    }

  private:
    /// Writes what a full sink left behind and what is in the pipe.
    bool deliver() {
        while (!leftover_.empty()) {
            const ssize_t n = ::send(sink_, leftover_.data(), leftover_.size(), MSG_NOSIGNAL);
            if (n < 0) return false;
            leftover_.erase(0, static_cast<std::size_t>(n));
        }
        while (held_ > 0) {
            const ssize_t n = ::splice(pipe_.read_end.get(), nullptr, sink_, nullptr, held_,
                                       SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
            if (n < 0) return false;
            held_ -= static_cast<std::size_t>(n);
            burst_ += static_cast<std::size_t>(n);
        }
        return true;
    }

    /// As recv(2); what the sink does not take at once becomes the leftover.
    ssize_t copy(Tools& tools) {
        const ssize_t got = ::recv(source_, tools.buffer(), kBufferBytes, 0);
        if (got <= 0) return got;
        splicing_ = static_cast<std::size_t>(got) == kBufferBytes;
        ssize_t sent = ::send(sink_, tools.buffer(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return -1;
        sent = std::max<ssize_t>(sent, 0);
        leftover_.assign(tools.buffer() + sent, tools.buffer() + got);
        return got;
    }

    /// As splice(2). The pipe is empty before, so EAGAIN speaks of the source.
    ssize_t fill_pipe(Tools& tools) {
        if (!pipe_.write_end) {
            pipe_ = tools.take_pipe();
            burst_ = 0;
            if (!pipe_.write_end) {
                splicing_ = false;
                return copy(tools);
            }
        }
        const ssize_t n = ::splice(source_, nullptr, pipe_.write_end.get(), nullptr,
                                   kLargePipeBytes, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        if (n > 0) {
            held_ = static_cast<std::size_t>(n);
        } else {
            const int error = errno;
            tools.give_back(std::exchange(pipe_, {}));
            if (burst_ < kBufferBytes) splicing_ = false;
            errno = error;
        }
        return n;
    }

    static Next unless_again(Next next) { return errno == EAGAIN ? next : Next::failed; }

    int source_, sink_;
    bool splicing_ = false;
    Pipe pipe_;
    std::size_t held_ = 0;   // bytes in the pipe
    std::size_t burst_ = 0;  // bytes spliced since the pipe was taken
    std::string leftover_;
};

/// LISTEN_PORT TARGET_PORT [BIND_HOST [TARGET_HOST]], what both references are started with.
struct Route {
    sockaddr_in listen, target;
};

inline Route parse_route(int argc, char** argv) {
    if (argc < 3 || argc > 5) {
        throw std::invalid_argument(std::string(argv[0]) +
                                    " LISTEN_PORT TARGET_PORT [BIND_HOST [TARGET_HOST]]");
    }
    const char* loopback = "127.0.0.1";
    return {.listen = make_address(argc > 3 ? argv[3] : loopback, parse_port(argv[1])),
            .target = make_address(argc > 4 ? argv[4] : loopback, parse_port(argv[2], 1))};
}

/// What a process with splice must do first: it has no MSG_NOSIGNAL.
inline void prepare_process() {
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
}

}  // namespace inout::bench
