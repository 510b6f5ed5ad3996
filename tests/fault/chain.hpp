// A stream through two or three relays with TLS between them, as through in, proxy and out; plain
// at both ends, where every byte is checked.
#pragma once

#include <utility>
#include <vector>

#include "../unit/tls_pair.hpp"
#include "stream.hpp"

namespace inout {

/// What lies between the client's relay and the service's.
enum class Path {
    one_tls_leg,        ///< plain | TLS | plain
    two_tls_legs,       ///< plain | TLS | TLS | plain
    end_to_end,         ///< plain | e2e | e2e | plain; for the relay in the middle all is plain
    end_to_end_in_tls,  ///< the same, and both legs are TLS besides
};
inline constexpr Path kTlsPaths[] = {Path::one_tls_leg, Path::two_tls_legs, Path::end_to_end,
                                     Path::end_to_end_in_tls};

class Chain {
  public:
    Chain(asio::io_context& context, Path path, Faults faults = {}, unsigned seed = 1)
        : client(2 * seed, 2 * seed + 1), service(2 * seed + 1, 2 * seed) {
        const bool legs_have_tls = path != Path::end_to_end;
        const bool end_to_end = path == Path::end_to_end || path == Path::end_to_end_in_tls;
        const std::size_t legs = path == Path::one_tls_leg ? 1 : 2;
        for (std::size_t i = 0; i <= legs; ++i) {
            calls.push_back(std::make_unique<FaultyCalls>(faults, seed + static_cast<unsigned>(i)));
            sets.push_back(
                std::make_unique<RelaySet>(context, Milliseconds{30'000}, *calls.back()));
        }
        TcpPair first, last;
        client.fd = std::move(first.a);
        service.fd = std::move(last.a);
        std::vector<Connection> left, right;  // of each relay
        left.push_back(adopt(context, std::move(first.b)));
        for (std::size_t i = 0; i < legs; ++i) {
            TcpPair leg;
            right.push_back(adopt(context, std::move(leg.a)));
            left.push_back(adopt(context, std::move(leg.b)));
            if (legs_have_tls) secure(right[i], *calls[i], left[i + 1], *calls[i + 1]);
        }
        right.push_back(adopt(context, std::move(last.b)));
        sides_ = {right.front().fd(), left.back().fd()};
        if (end_to_end) {
            // The handshake needs the relay in the middle: bytes are carried for it by hand.
            begin(right.front(), TlsSide::client, *calls.front());
            begin(left.back(), TlsSide::server, *calls.back());
            start(1, std::move(left[1]), std::move(right[1]));
            using enum TlsSession::Handshake;
            EXPECT_TRUE(run_until(context, [&] {
                const auto c = right.front().tls()->handshake();
                const auto s = left.back().tls()->handshake();
                return c == done && s == done;
            }));
        }
        for (std::size_t i = 0; i <= legs; ++i) {
            if (!end_to_end || i != 1) start(i, std::move(left[i]), std::move(right[i]));
        }
    }

    bool turn() {
        const bool client_moved = client.turn(), service_moved = service.turn();
        return client_moved || service_moved;
    }
    bool over() const {
        return std::all_of(sets.begin(), sets.end(), [](const auto& s) { return s->size() == 0; });
    }
    bool ended() const { return has_ended(client) && has_ended(service); }
    /// Both directions are to carry this much and then end.
    void will_carry(std::size_t up, std::size_t down) {
        client.to_send = up;
        service.to_send = down;
        client.fin_after = service.fin_after = true;
    }
    /// The socket of the first relay's, or the last relay's, side with TLS.
    int tls_side(bool of_first) const { return of_first ? sides_.first : sides_.second; }

    std::vector<std::unique_ptr<FaultyCalls>> calls;  // of each relay, the client's first
    std::vector<std::unique_ptr<RelaySet>> sets;
    Peer client, service;

  private:
    static bool has_ended(const Peer& peer) { return !peer.fd || peer.end != End::none; }
    static void begin(Connection& connection, TlsSide side, SocketCalls& calls) {
        connection.secure(std::make_unique<TlsSession>(psk(side).session(), connection.fd(),
                                                       std::string_view(), calls));
    }
    static void secure(Connection& near, SocketCalls& near_calls, Connection& far,
                       SocketCalls& far_calls) {
        begin(near, TlsSide::client, near_calls);
        begin(far, TlsSide::server, far_calls);
        EXPECT_TRUE(shake_hands(*near.tls(), *far.tls()));
    }
    void start(std::size_t relay, Connection left, Connection right) {
        sets[relay]->start(std::move(left), std::move(right),
                           {.id = "1f", .topic = "t", .client = "c:1", .arrived = Clock::now()});
    }

    std::pair<int, int> sides_;
};

/// A test's chains; at its end nothing of them may be left.
class ChainTest : public testing::Test {
  protected:
    static void SetUpTestSuite() { log::start("tests", log::Level::error, log::Format::text); }

    Chain& add(Path path, Faults faults = {}, unsigned seed = 1) {
        chains.push_back(std::make_unique<Chain>(context, path, faults, seed));
        return *chains.back();
    }
    bool run_until(const std::function<bool()>& condition) {
        return soon([&] {
            bool moved = false;
            for (const auto& chain : chains) moved = chain->turn() || moved;
            context.restart();
            if (context.poll() == 0 && !moved) context.run_one_for(Milliseconds{1});
            return condition();
        });
    }
    /// Until all have ended, here and at their peers.
    bool run_to_the_end() {
        return run_until([&] {
            return std::all_of(chains.begin(), chains.end(),
                               [](const auto& c) { return c->over() && c->ended(); });
        });
    }
    /// A set may not go while an expired timer of it waits for its turn.
    void clear() {
        context.restart();
        context.poll();
        chains.clear();
    }
    static void expect_complete(const Chain& chain, std::size_t up, std::size_t down) {
        EXPECT_EQ(chain.service.received, up);
        EXPECT_EQ(chain.client.received, down);
        EXPECT_FALSE(chain.client.corrupt || chain.service.corrupt);
        EXPECT_EQ(chain.client.end, End::fin);
        EXPECT_EQ(chain.service.end, End::fin);
    }

    void TearDown() override {
        EXPECT_EQ(counters().streams, 0U);
        EXPECT_TRUE(run_until([] { return counters().sockets == 0; })) << counters().sockets;
        clear();
        EXPECT_EQ(counters().pipes, 0U);
    }

    asio::io_context context;  // outlives the sets
    std::vector<std::unique_ptr<Chain>> chains;
};

}  // namespace inout
