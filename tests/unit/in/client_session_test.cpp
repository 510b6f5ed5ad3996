// A client of in, from its arrival to the stream. The test is the client and the proxy.
#include "in/client_session.hpp"

#include <gtest/gtest.h>

#include "../far_connection.hpp"
#include "../peer.hpp"
#include "../stream_frames.hpp"

namespace inout::in::client_session_test {
namespace {

class ClientSessionTest : public testing::Test {
  protected:
    ClientSessionTest() {
        auto config = std::make_shared<InConfig>(default_in_config());
        InNetwork& part = config->networks.front();
        part.server = {"127.0.0.1", listener->port()};
        part.topic = "db";
        TrustStores trusts;
        auto made = ProxyLink::make(part.server, std::nullopt, std::nullopt, trusts);
        EXPECT_TRUE(made);
        const Dialling dialling{config->connect_timeout, config->open_timeout};
        server = std::make_shared<Server>(workers, std::move(*made), dialling, budget);
        network = std::make_shared<const Network>(
            Network{config, part, nobody, nobody, nullptr,
                    std::make_shared<ServerGroup>(Select::first,
                                                  std::vector<ServerGroup::Entry>{{server}})});
    }
    ~ClientSessionTest() override {
        server->close();
        worker.relays().reset_all({.cause = StreamEnd::Cause::drain, .words = "the test is over"});
        listener.reset();
        EXPECT_TRUE(becomes([this] { return counters().tasks == tasks; })) << "a session stayed";
        EXPECT_TRUE(becomes([this] { return budget.used(0) == 0; }));
        run_ready(worker.context());  // a relay goes with its last operation
    }

    bool becomes(const std::function<bool()>& condition) {
        return run_until(worker.context(), condition);
    }
    /// A client comes, and has sent `first`.
    Peer come(std::string_view first = {}) {
        TcpPair pair;
        Peer client(worker.context(), std::move(pair.a));
        if (!first.empty()) {
            client.say_bytes(first);
            EXPECT_TRUE(eventually([&] { return has_input(pair.b.get()); }));
        }
        ClientPlaces places{server, server->client_places(), nullptr};
        EXPECT_EQ(places.descriptors.count(), kStreamDescriptors);
        spawn(worker.executor(), "client",
              client_session(worker, network, adopt_owned(worker.context(), std::move(pair.b)),
                             std::move(places)));
        return client;
    }
    Peer dialled() { return {worker.context(), *listener}; }
    bool is_dialled_again() const { return static_cast<bool>(listener->accept()); }
    static void hear_request(const Peer& proxy) {
        const auto request = proxy.hear<InRequest>();
        EXPECT_TRUE(request && request->topic == "db" && request->version == "0.0.1" &&
                    request->ext && request->id.size() == kStreamIdDigits && !request->e2e);
    }
    static Response answer(Code code = Code::none, const char* request = "InRequest") {
        return {.magic = "1",
                .request = request,
                .message = code == Code::none ? "" : "not this one",
                .ext = true,
                .code = code,
                .warm = kSpareKept};
    }
    /// Spare connections, as a proxy far away has them kept.
    std::vector<Peer> make_spares() {
        SparePool& pool = *server->spares(worker);
        pool.take();
        pool.learn(*connection_from_afar(worker.context()), answer());
        std::vector<Peer> spares;
        for (std::size_t i = 0; i < kSpareMin; ++i) {
            spares.push_back(dialled());
            EXPECT_TRUE(spares.back().hear<InWarmRequest>());
            spares.back().say(answer(Code::none, "InWarmRequest"));
            EXPECT_TRUE(becomes([&] { return counters().warm == i + 1; }));
        }
        return spares;
    }

    /// The spare connection that takes the place of one that is used; its proxy says nothing.
    Peer replacement() {
        Peer peer = dialled();
        EXPECT_TRUE(peer.hear<InWarmRequest>());
        return peer;
    }

    const std::size_t tasks = counters().tasks;
    std::optional<PollingListener> listener{std::in_place};
    Budget budget{100, 0};
    Workers workers{1, RelayOptions{}};
    Worker& worker = workers.main();
    std::shared_ptr<Server> server;
    const std::vector<AddressRange> nobody;
    std::shared_ptr<const Network> network;
};

TEST_F(ClientSessionTest, a_stream_is_asked_for_with_the_first_bytes_and_opened_both_ways) {
    Peer client = come("first"), proxy = dialled();
    hear_request(proxy);
    EXPECT_EQ(proxy.hear_bytes(5), "first");
    proxy.say_bytes(encode(answer()) + "banner");
    EXPECT_EQ(client.hear_bytes(6), "banner");
    client.say_bytes("second");
    EXPECT_EQ(proxy.hear_bytes(6), "second");
    ::shutdown(client.fd().get(), SHUT_WR);
    EXPECT_EQ(proxy.end(), End::fin);
    ::shutdown(proxy.fd().get(), SHUT_WR);
    EXPECT_EQ(client.end(), End::fin);
    EXPECT_TRUE(becomes([this] { return budget.used(0) == 0; }));
}

TEST_F(ClientSessionTest, a_client_that_is_refused_is_reset) {
    const Peer client = come(), proxy = dialled();
    hear_request(proxy);
    proxy.say(answer(Code::no_topic));
    EXPECT_EQ(client.end(), End::rst);
    EXPECT_EQ(proxy.end(), End::rst);
    EXPECT_FALSE(is_dialled_again());
}

TEST_F(ClientSessionTest, a_proxy_that_ends_without_a_word_is_not_asked_again) {
    const Peer client = come();
    { const Peer proxy = dialled(); }
    EXPECT_EQ(client.end(), End::rst);
    EXPECT_FALSE(is_dialled_again());
}

TEST_F(ClientSessionTest, a_client_that_leaves_before_the_answer_ends_the_leg_too) {
    Peer client = come();
    const Peer proxy = dialled();
    hear_request(proxy);
    reset(client.fd());
    EXPECT_EQ(proxy.end(), End::rst);
}

TEST_F(ClientSessionTest, what_a_client_has_sent_before_its_reset_is_delivered_before_that) {
    Peer client = come("first");
    const Peer proxy = dialled();
    hear_request(proxy);
    reset(client.fd());
    proxy.say(answer());
    EXPECT_EQ(proxy.hear_bytes(5), "first");
    EXPECT_EQ(proxy.end(), End::rst);
}

TEST_F(ClientSessionTest, a_spare_connection_saves_the_dial) {
    const auto spares = make_spares();
    const Peer client = come(), other = replacement();
    hear_request(spares.back());
    spares.back().say_bytes(encode(answer()) + "banner");
    EXPECT_EQ(client.hear_bytes(6), "banner");
}

TEST_F(ClientSessionTest, a_spare_connection_that_is_dead_gives_way_to_a_fresh_one) {
    auto spares = make_spares();
    const Peer client = come(), other = replacement();
    hear_request(spares.back());
    EXPECT_FALSE(is_dialled_again()) << "nothing is dialled for it yet";
    reset(spares.back().fd());
    EXPECT_EQ(spares.front().end(), End::rst) << "the others are hardly better";
    const Peer proxy = dialled();
    hear_request(proxy);
    proxy.say_bytes(encode(answer()) + "banner");
    EXPECT_EQ(client.hear_bytes(6), "banner");
}

TEST_F(ClientSessionTest, no_other_connection_gets_what_a_client_has_sent_on_a_spare_one) {
    auto spares = make_spares();
    const Peer client = come("first"), other = replacement();
    hear_request(spares.back());
    EXPECT_EQ(spares.back().hear_bytes(5), "first");
    reset(spares.back().fd());
    EXPECT_EQ(client.end(), End::rst);
    EXPECT_EQ(spares.front().end(), End::rst);
    EXPECT_FALSE(is_dialled_again());
}

/// Against a proxy that knows frames.
class ReusedConnectionTest : public ClientSessionTest {
  protected:
    static constexpr const char* kNonce = "0123456789abcdef0123456789abcdef";
    static Response agreed() {
        Response response = answer();
        response.reuse = true;
        response.nonce = kNonce;
        return response;
    }
    /// A stream of one byte in each direction, on its connection's first use.
    Peer carry_first() {
        Peer client = come("a"), proxy = dialled();
        const auto request = proxy.hear<InRequest>();
        EXPECT_TRUE(request && request->early == 1U && request->use == 0U);
        EXPECT_EQ(proxy.hear_bytes(1), "a");
        proxy.say(agreed());
        finish(client, proxy);
        return proxy;
    }
    void finish(Peer& client, const Peer& proxy) {
        ::shutdown(client.fd().get(), SHUT_WR);
        EXPECT_EQ(proxy.hear_bytes(12), frames::fin(1));
        proxy.say_bytes(frames::data("b") + frames::fin(1) + frames::free());
        EXPECT_EQ(client.hear_bytes(1), "b");
        EXPECT_EQ(client.end(), End::fin);
        EXPECT_TRUE(becomes([] { return counters().warm == 1; })) << "it waits for the next";
    }
};

TEST_F(ReusedConnectionTest, a_connection_carries_one_stream_after_another) {
    const Peer proxy = carry_first();
    for (const unsigned use : {2U, 3U}) {
        Peer client = come("a");
        const auto request = proxy.hear<InRequest>();
        EXPECT_TRUE(request && request->use == use && !request->early);
        EXPECT_EQ(proxy.hear_bytes(5), frames::data("a")) << "it needs no answer";
        proxy.say(answer());
        finish(client, proxy);
    }
    EXPECT_FALSE(is_dialled_again());
}

TEST_F(ReusedConnectionTest, what_comes_later_than_the_request_waits_for_the_answer) {
    const Peer client = come(), proxy = dialled();
    const auto request = proxy.hear<InRequest>();
    ASSERT_TRUE(request && request->early == 0U);
    client.say_bytes("late");
    run_ready(worker.context());
    EXPECT_TRUE(proxy.is_quiet());
    proxy.say_bytes(encode(agreed()) + frames::data("banner"));
    EXPECT_EQ(client.hear_bytes(6), "banner");
    EXPECT_EQ(proxy.hear_bytes(8), frames::data("late"));
}

TEST_F(ReusedConnectionTest, a_client_that_resets_its_connection_costs_no_other) {
    Peer client = come("a");
    const Peer proxy = dialled();
    ASSERT_TRUE(proxy.hear<InRequest>());
    EXPECT_EQ(proxy.hear_bytes(1), "a");
    proxy.say(agreed());
    EXPECT_TRUE(becomes([this] { return worker.relays().size() == 1; }));
    reset(client.fd());
    EXPECT_EQ(proxy.hear_bytes(4), frames::reset());
    proxy.say_bytes(frames::data("late") + frames::reset() + frames::free());
    EXPECT_TRUE(becomes([] { return counters().warm == 1; }));
    EXPECT_FALSE(is_dialled_again());
}

TEST_F(ReusedConnectionTest, a_connection_that_the_proxy_ends_is_not_used_again) {
    { const Peer proxy = carry_first(); }
    EXPECT_TRUE(becomes([] { return counters().warm == 0; }));
    const Peer client = come(), proxy = dialled();
    hear_request(proxy);
}

TEST_F(ReusedConnectionTest, a_connection_that_the_proxy_has_just_ended_costs_a_client_nothing) {
    const Peer ending = carry_first();
    Peer client = come("early");
    const auto request = ending.hear<InRequest>();
    ASSERT_TRUE(request && request->use == 2U);
    EXPECT_EQ(ending.hear_bytes(9), frames::data("early"));
    client.say_bytes(" bytes");
    EXPECT_EQ(ending.hear_bytes(10), frames::data(" bytes"));
    ending.say(Response{.magic = "0",
                        .request = "none",
                        .message = "this connection has ended",
                        .ext = true,
                        .code = Code::limit,
                        .retry = true});
    Peer proxy = dialled();
    const auto again = proxy.hear<InRequest>();
    ASSERT_TRUE(again && again->early == 11U && again->use == 0U);
    EXPECT_EQ(again->id, request->id) << "it is the same stream";
    EXPECT_EQ(proxy.hear_bytes(11), "early bytes");
    client.say_bytes("!");
    proxy.say_bytes(encode(agreed()) + frames::data("banner"));
    EXPECT_EQ(client.hear_bytes(6), "banner");
    EXPECT_EQ(proxy.hear_bytes(5), frames::data("!"));
}

}  // namespace
}  // namespace inout::in::client_session_test
