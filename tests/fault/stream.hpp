// A relayed stream under test: a client and a service, plain and checked byte by byte, and between
// them the relays of in, proxy and out, or fewer. All on one thread.
#pragma once

#include <algorithm>
#include <csignal>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "../unit/tls_pair.hpp"
#include "common/base/log.hpp"
#include "common/relay/relay.hpp"
#include "faulty_calls.hpp"
#include "peer.hpp"

namespace inout {

inline constexpr std::size_t kMegabyte = 1'000'000;

/// What lies between the client and the service; a bar is a relay.
enum class Path {
    plain,              ///< plain | plain
    one_tls_leg,        ///< plain | TLS | plain
    two_tls_legs,       ///< plain | TLS | TLS | plain
    end_to_end,         ///< plain | e2e | e2e | plain; for the relay in the middle all is plain
    end_to_end_in_tls,  ///< the same, and both legs are TLS besides
};
inline constexpr Path kPaths[] = {Path::plain, Path::one_tls_leg, Path::two_tls_legs,
                                  Path::end_to_end, Path::end_to_end_in_tls};
inline constexpr auto kPlainPath = std::span(kPaths).first(1);
inline constexpr auto kTlsPaths = std::span(kPaths).subspan(1);

class Stream {
  public:
    /// All sessions are there; no relay runs yet, except between end-to-end sessions.
    Stream(asio::io_context& context, Path path, Faults faults, unsigned seed)
        : client(2 * seed, 2 * seed + 1), service(2 * seed + 1, 2 * seed) {
        const std::size_t legs = path == Path::plain ? 0 : path == Path::one_tls_leg ? 1 : 2;
        const bool end_to_end = path == Path::end_to_end || path == Path::end_to_end_in_tls;
        for (std::size_t i = 0; i <= legs; ++i) {
            calls.push_back(std::make_unique<FaultyCalls>(faults, seed + static_cast<unsigned>(i)));
            sets.push_back(std::make_unique<RelaySet>(context, RelayOptions()));
        }
        TcpPair first, last;
        client.fd = std::move(first.a);
        service.fd = std::move(last.a);
        add(left_, context, std::move(first.b));
        for (std::size_t i = 0; i < legs; ++i) {
            TcpPair leg;
            add(right_, context, std::move(leg.a));
            add(left_, context, std::move(leg.b));
            if (path != Path::end_to_end) secure_leg(i);
        }
        add(right_, context, std::move(last.b));
        ends_of_legs_ = {right_.front()->fd(), left_.back()->fd()};
        if (end_to_end) {
            // The handshake needs the relay in the middle.
            right_.front()->secure(psk(TlsSide::client).session());
            left_.back()->secure(psk(TlsSide::server).session());
            start(1);
            using enum TlsSession::Handshake;
            EXPECT_TRUE(run_until(context, [&] {
                const auto c = right_.front()->tls()->handshake();
                const auto s = left_.back()->tls()->handshake();
                return c == done && s == done;
            }));
        }
    }

    void start() {
        for (std::size_t i = 0; i < sets.size(); ++i) {
            if (sets[i]->size() == 0) start(i);
        }
    }
    /// The client's socket at the first relay, until start().
    int client_side() { return left_.front()->fd(); }
    /// The first relay's, or the last relay's, side with TLS.
    int tls_side(bool of_first) const {
        return of_first ? ends_of_legs_.first : ends_of_legs_.second;
    }

    bool turn() {
        const bool client_moved = client.turn(), service_moved = service.turn();
        return client_moved || service_moved;
    }
    bool over() const {
        return std::all_of(sets.begin(), sets.end(), [](const auto& s) { return s->size() == 0; });
    }
    bool ended() const { return client.ended() && service.ended(); }
    /// Both directions are to carry this much and then end.
    void will_carry(std::size_t up, std::size_t down) {
        client.to_send = up;
        service.to_send = down;
        client.fin_after = service.fin_after = true;
    }
    void expect_complete(std::size_t up, std::size_t down) const {
        EXPECT_EQ(service.received, up);
        EXPECT_EQ(client.received, down);
        EXPECT_FALSE(client.corrupt || service.corrupt);
        EXPECT_EQ(client.end, End::fin);
        EXPECT_EQ(service.end, End::fin);
    }

    std::function<std::unique_ptr<StreamLimits>()> limits;  // of each relay; nothing: none
    std::size_t ends = 0;                                   // that relays have told of
    std::vector<std::unique_ptr<FaultyCalls>> calls;        // of each relay, the client's first
    std::vector<std::unique_ptr<RelaySet>> sets;
    Peer client, service;
    const std::shared_ptr<int> kept = std::make_shared<int>();  // by each relay

  private:
    /// The next relay's connection of this side.
    void add(std::vector<ConnectionPtr>& side, asio::io_context& context, UniqueFd fd) {
        ConnectionPtr connection = adopt_owned(context, std::move(fd));
        SocketCalls& its_calls = *calls[side.size()];
        connection->push(std::make_unique<CallsLayer>(connection->wire(), its_calls));
        side.push_back(std::move(connection));
    }
    void secure_leg(std::size_t leg) {
        Connection &near = *right_[leg], &far = *left_[leg + 1];
        near.secure(psk(TlsSide::client).session());
        far.secure(psk(TlsSide::server).session());
        EXPECT_TRUE(shake_hands(*near.tls(), *far.tls()));
    }
    void start(std::size_t relay) {
        StreamEntry stream(sets[relay]->streams(), "1f", "t", "c:1", left_[relay]->peer_endpoint());
        sets[relay]->start({.client_side = std::move(left_[relay]),
                            .service_side = std::move(right_[relay]),
                            .entry = std::move(stream),
                            .limits = limits ? limits() : nullptr,
                            .on_end = [this, held = kept](const EndedStream&) { ++ends; }});
    }

    std::vector<ConnectionPtr> left_, right_;  // of each relay, until it starts
    std::pair<int, int> ends_of_legs_;
};

/// A test's streams; at its end nothing of them may be left.
class StreamTest : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        log::start("tests", log::Level::error, log::Format::text);
        ::signal(SIGPIPE, SIG_IGN);  // as in the programs: splice(2) into what was reset raises it
    }

    /// To be started by the test.
    Stream& prepare(Path path, Faults faults = {}, unsigned seed = 1) {
        streams.push_back(std::make_unique<Stream>(context, path, faults, seed));
        return *streams.back();
    }
    Stream& add(Path path, Faults faults = {}, unsigned seed = 1) {
        Stream& stream = prepare(path, faults, seed);
        stream.start();
        return stream;
    }
    /// Lets all streams go on until `condition` holds; false if it never does.
    bool run_until(const std::function<bool()>& condition) {
        return until(condition, [&] {
            bool moved = false;
            for (const auto& stream : streams) moved = stream->turn() || moved;
            context.restart();
            if (context.poll() == 0 && !moved) context.run_one_for(Milliseconds{1});
        });
    }
    /// Until the relays have made no call, and the peers have moved no byte, for a while.
    bool run_until_all_rests() {
        std::uint64_t activity = 0;
        return run_until([&, since = Clock::now()]() mutable {
            std::uint64_t now = 0;
            for (const auto& stream : streams) {
                for (const Peer* peer : {&stream->client, &stream->service}) {
                    now += peer->sent + peer->received;
                }
                for (const auto& each : stream->calls) now += each->calls();
            }
            if (now != activity) since = Clock::now();
            activity = now;
            return activity > 0 && Clock::now() - since > Milliseconds{100};
        });
    }
    bool all_over() const {
        return std::all_of(streams.begin(), streams.end(), [](const auto& s) { return s->over(); });
    }
    /// Until all have ended, here and at their peers.
    bool run_to_the_end() {
        return run_until([&] {
            return all_over() && std::all_of(streams.begin(), streams.end(),
                                             [](const auto& s) { return s->ended(); });
        });
    }
    /// A set may not go while an expired timer of it waits for its turn.
    void clear() {
        context.restart();
        context.poll();
        streams.clear();
    }

    void TearDown() override {
        EXPECT_EQ(counters().streams, 0U);
        EXPECT_TRUE(run_until([] { return counters().sockets == 0; })) << counters().sockets;
        clear();
        EXPECT_EQ(counters().pipes, 0U);
    }

    asio::io_context context;  // outlives the sets
    std::vector<std::unique_ptr<Stream>> streams;
};

}  // namespace inout
