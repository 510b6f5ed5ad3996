// A relayed stream under test: a client and a service at the two ends of one RelaySet, all on one
// thread, every byte checked against a pattern as it arrives.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../unit/loopback.hpp"
#include "common/base/log.hpp"
#include "common/net/relay.hpp"
#include "faulty_calls.hpp"

namespace inout {

/// Bytes that differ from place to place and from seed to seed, without storing what was sent.
class Pattern {
  public:
    explicit Pattern(unsigned seed) : table_(kPeriod + kPiece) {
        std::mt19937 random(seed);
        for (std::size_t i = 0; i < kPeriod; ++i) table_[i] = static_cast<char>(random());
        std::copy_n(table_.begin(), kPiece, table_.begin() + kPeriod);
    }
    /// The bytes from `offset`, of which kPiece may be looked at.
    const char* at(std::size_t offset) const { return table_.data() + offset % kPeriod; }

    static constexpr std::size_t kPiece = 32'768;

  private:
    static constexpr std::size_t kPeriod =
        65'521;  // a prime: no power of two hides a shift by itself
    std::vector<char> table_;
};

/// One end of a stream: sends a pattern, checks what it receives against another.
class Peer {
  public:
    /// The seeds of what it sends and of what it expects.
    Peer(unsigned sends, unsigned receives) : outgoing_(sends), incoming_(receives) {}

    /// What can be done now; true if something was.
    bool turn() {
        if (!fd) return false;
        const bool sent_some = send_some();
        const bool received_some = reading && end == End::none && receive_some();
        return sent_some || received_some;
    }

    UniqueFd fd;
    std::size_t to_send = 0;  ///< in all
    bool fin_after = false;   ///< FIN when all is sent
    bool reading = true;
    std::size_t sent = 0, received = 0;
    bool corrupt = false;  ///< a byte was not what the other side sent
    bool send_failed = false;
    End end = End::none;  ///< how its input ended

  private:
    bool send_some() {
        if (send_failed) return false;
        if (sent == to_send) {
            if (!fin_after) return false;
            fin_after = false;
            return ::shutdown(fd.get(), SHUT_WR) == 0;
        }
        const std::size_t size = std::min(to_send - sent, Pattern::kPiece);
        const ssize_t n = ::send(fd.get(), outgoing_.at(sent), size, MSG_NOSIGNAL);
        if (n < 0) {
            send_failed = errno != EAGAIN;
            // The kernel reports a reset once: to this call or to a later recv.
            if (send_failed && errno == ECONNRESET) end = End::rst;
            if (send_failed && errno == EPIPE && end == End::none) sent_into_reset_ = true;
            return false;
        }
        sent += static_cast<std::size_t>(n);
        return true;
    }

    bool receive_some() {
        static char buffer[Pattern::kPiece];
        const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
        if (n > 0) {
            corrupt = corrupt ||
                      std::memcmp(buffer, incoming_.at(received), static_cast<std::size_t>(n)) != 0;
            received += static_cast<std::size_t>(n);
            return true;
        }
        if (n == 0) end = sent_into_reset_ ? End::rst : End::fin;
        if (n < 0 && errno != EAGAIN) end = End::rst;
        return false;
    }

    const Pattern outgoing_, incoming_;
    bool sent_into_reset_ = false;
};

/// Client and service, and the relay between them. Runs in a context that others may share.
class Stream {
  public:
    Stream(asio::io_context& context, Faults faults, unsigned seed)
        : calls(faults, seed),
          set(context, Milliseconds{30'000}, calls),
          client(2 * seed, 2 * seed + 1),
          service(2 * seed + 1, 2 * seed),
          context_(context) {
        TcpPair left, right;
        client.fd = std::move(left.a);
        service.fd = std::move(right.a);
        client_side_ = std::move(left.b);
        service_side_ = std::move(right.b);
    }

    /// The descriptors of the relay's two sides, until start().
    int client_side() const { return client_side_.get(); }
    int service_side() const { return service_side_.get(); }

    void start(std::shared_ptr<void> keep = nullptr) {
        Connection towards_client = adopt(context_, std::move(client_side_));
        Connection towards_service = adopt(context_, std::move(service_side_));
        set.start(std::move(towards_client), std::move(towards_service),
                  {.id = "1f",
                   .topic = "t",
                   .client = "c:1",
                   .arrived = Clock::now(),
                   .keep = std::move(keep)});
    }

    bool turn() {
        const bool client_moved = client.turn();
        const bool service_moved = service.turn();
        return client_moved || service_moved;
    }
    bool over() const { return set.size() == 0; }

    FaultyCalls calls;
    RelaySet set;
    Peer client, service;

  private:
    asio::io_context& context_;
    UniqueFd client_side_, service_side_;
};

/// Lets all streams go on until `condition` holds; false if it never does.
inline bool run_streams(asio::io_context& context,
                        const std::vector<std::unique_ptr<Stream>>& streams,
                        const std::function<bool()>& condition) {
    const auto give_up_at = Clock::now() + kPatience;
    while (!condition()) {
        if (Clock::now() >= give_up_at) return false;
        bool moved = false;
        for (const auto& stream : streams) moved = stream->turn() || moved;
        context.restart();
        if (context.poll() == 0 && !moved) context.run_one_for(Milliseconds{1});
    }
    return true;
}

/// A test's streams, by seed; at its end nothing of them may be left.
class StreamTest : public testing::Test {
  protected:
    static void SetUpTestSuite() { log::start("tests", log::Level::error, log::Format::text); }

    Stream& add(Faults faults = {}, unsigned seed = 1) {
        streams.push_back(std::make_unique<Stream>(context, faults, seed));
        return *streams.back();
    }
    bool run_until(const std::function<bool()>& condition) {
        return run_streams(context, streams, condition);
    }
    bool all_over() const {
        return std::all_of(streams.begin(), streams.end(), [](const auto& s) { return s->over(); });
    }

    void TearDown() override {
        EXPECT_EQ(counters().streams, 0U);
        EXPECT_TRUE(run_until([] { return counters().sockets == 0; })) << counters().sockets;
        streams.clear();
        EXPECT_EQ(counters().pipes, 0U);
    }

    asio::io_context context;  // outlives the sets
    std::vector<std::unique_ptr<Stream>> streams;
};

}  // namespace inout
