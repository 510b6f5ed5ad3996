// A data connection of out, from its dial to the stream. The test is the proxy and the backend.
#include "out/data_link.hpp"

#include <gtest/gtest.h>

#include "../peer.hpp"
#include "../stream_frames.hpp"

namespace inout::out::data_link_test {
namespace {

/// A port at which nobody listens, and nobody else may while this lives.
class ClosedPort {
  public:
    ClosedPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const name = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(fd_.get(), name, size), 0);
        ::getsockname(fd_.get(), name, &size);
        port_ = ntohs(address.sin_port);
    }
    std::uint16_t port() const { return port_; }

  private:
    UniqueFd fd_;
    std::uint16_t port_ = 0;
};

class DataLinkTest : public testing::Test {
  protected:
    DataLinkTest() {
        registration->ticket = "0123";
        registration->quiet = true;
    }
    ~DataLinkTest() override {
        registration->close_links();
        worker.relays().reset_all({.cause = StreamEnd::Cause::drain, .words = "the test is over"});
        proxy.reset();
        EXPECT_TRUE(becomes([this] { return is_over(); })) << "a link stayed";
        EXPECT_TRUE(becomes([this] { return budget.used(0) == 0; }));
        EXPECT_EQ(registration->links->count, 0U);
        run_ready(worker.context());  // a relay goes with its last operation
    }

    bool becomes(const std::function<bool()>& condition) {
        return run_until(worker.context(), condition);
    }
    /// No link is left that dials, is parked or opens a stream.
    bool is_over() const { return counters().tasks == tasks; }
    /// A link begins; its other end at the proxy, which has its request.
    Peer begin() {
        auto link = links.add(registration->links, worker.executor(), false, Clock::now());
        EXPECT_TRUE(link);
        spawn(worker.executor(), "data link",
              data_link(worker, registration, link, DialFor::spare));
        return next_dial();
    }
    Peer next_dial() {
        Peer peer(worker.context(), *proxy);
        const auto request = peer.hear<OutDataRequest>();
        EXPECT_TRUE(request);
        if (request) asked = *request;
        return peer;
    }
    static DataActiveRequest active() {
        return {.magic = "7",
                .topic = "db",
                .ext = true,
                .id = "0123456789abcdef",
                .client = "192.0.2.1:5"};
    }
    static Response parked(Code code = Code::none) {
        return {.magic = "1",
                .request = "OutDataRequest",
                .message = code == Code::none ? "" : "not this one",
                .ext = true,
                .code = code};
    }
    /// How the stream is refused; the connection ends cleanly behind that.
    static Response refusal(const Peer& peer) {
        const auto response = peer.hear<Response>();
        EXPECT_TRUE(response && !response->ok() && response->magic == "7");
        EXPECT_EQ(peer.end(), End::fin);
        return response.value_or(Response{});
    }
    static void expect_open(const Peer& peer) {
        const auto response = peer.hear<Response>();
        EXPECT_TRUE(response && response->ok() && response->magic == "7" &&
                    response->request == "DataActiveRequest");
    }
    Network make_network() {
        const HostPort server{"127.0.0.1", proxy->port()};
        TrustStores trusts;
        auto made = ProxyLink::make(server, std::nullopt, std::nullopt, trusts);
        EXPECT_TRUE(made);
        const OutNetwork config{
            .server = server, .backend = {"127.0.0.1", backend.port()}, .topic = "db"};
        return {.config = config,
                .times = Times(default_out_config()),
                .proxy_link = std::move(*made),
                .links = std::make_shared<DataLinks>(budget),
                .backends = std::make_shared<Backends>(config)};
    }
    /// Streams get another backend from now on.
    void set_backend(std::uint16_t port) {
        Network network = *registration->current.get();
        network.config.backend.port = port;
        network.backends = std::make_shared<Backends>(network.config);
        registration->current.set(std::make_shared<const Network>(std::move(network)));
    }
    bool backend_is_dialled() const { return static_cast<bool>(backend.accept()); }

    const std::size_t tasks = counters().tasks;
    std::optional<PollingListener> proxy{std::in_place};
    PollingListener backend;
    Budget budget{100, 0};
    std::shared_ptr<Registration> registration =
        std::make_shared<Registration>(std::make_shared<const Network>(make_network()));
    DataLinks& links = registration->data_links();
    OutDataRequest asked;
    Worker worker{RelayOptions{}};
};

TEST_F(DataLinkTest, it_parks_with_the_ticket_of_its_registration) {
    const Peer peer = begin();
    EXPECT_EQ(asked.version, "0.0.1");
    EXPECT_EQ(asked.topic, "db");
    EXPECT_EQ(asked.ticket, "0123");
    EXPECT_TRUE(asked.ext);
    EXPECT_TRUE(asked.quiet);
    EXPECT_TRUE(peer.is_quiet());
    EXPECT_FALSE(backend_is_dialled()) << "before a stream comes";
}

TEST_F(DataLinkTest, a_stream_reaches_the_backend_with_what_came_behind_its_activation) {
    Peer peer = begin();
    peer.say_bytes(encode(active()) + "first");
    Peer service(worker.context(), backend);
    service.say_bytes("banner");
    expect_open(peer);
    EXPECT_EQ(peer.hear_bytes(6), "banner");
    EXPECT_EQ(service.hear_bytes(5), "first");
    EXPECT_EQ(registration->links->count, 0U) << "it is no parked one any more";
    EXPECT_EQ(budget.used(0), kStreamDescriptors);
    ::shutdown(peer.fd().get(), SHUT_WR);
    EXPECT_EQ(service.end(), End::fin);
    ::shutdown(service.fd().get(), SHUT_WR);
    EXPECT_EQ(peer.end(), End::fin);
    EXPECT_TRUE(becomes([this] { return budget.used(0) == 0; }));
}

TEST_F(DataLinkTest, a_proxy_that_answers_parks_it_and_then_opens_a_stream) {
    registration->quiet = false;
    const Peer peer = begin();
    EXPECT_FALSE(asked.quiet);
    peer.say(parked());
    peer.say(active());
    const Peer service(worker.context(), backend);
    expect_open(peer);
}

TEST_F(DataLinkTest, a_stream_that_comes_before_the_answer_is_opened_after_it) {
    registration->quiet = false;
    const Peer peer = begin();
    peer.say(active());
    peer.say(parked());
    const Peer service(worker.context(), backend);
    expect_open(peer);
}

TEST_F(DataLinkTest, one_that_the_proxy_refuses_is_over) {
    const Peer peer = begin();
    peer.say(parked(Code::limit));
    EXPECT_NE(peer.end(), End::none);
    EXPECT_TRUE(becomes([this] { return is_over() && budget.used(0) == 0; }));
}

TEST_F(DataLinkTest, one_that_the_proxy_ends_gives_its_place_back) {
    std::optional<Peer> peer = begin();
    EXPECT_EQ(budget.used(0), 1U);
    peer.reset();
    EXPECT_TRUE(becomes([this] { return is_over() && budget.used(0) == 0; }));
}

TEST_F(DataLinkTest, one_to_which_the_proxy_talks_nonsense_is_dialled_anew_but_not_for_ever) {
    std::optional<Peer> peer = begin();
    for (unsigned attempt = 1;; ++attempt) {
        peer->say_bytes("HTTP/1.1 400 Bad Request\r\n\r\n");
        EXPECT_NE(peer->end(), End::none);
        if (attempt == kParkAttempts) break;
        peer.emplace(next_dial());
    }
    EXPECT_TRUE(becomes([this] { return is_over(); }));
}

TEST_F(DataLinkTest, a_message_that_does_not_belong_there_counts_as_nonsense) {
    const Peer first = begin();
    first.say(Ping{});
    EXPECT_NE(first.end(), End::none);
    const Peer second = next_dial();
    second.say(active());
    const Peer service(worker.context(), backend);
    expect_open(second);
}

TEST_F(DataLinkTest, the_end_of_a_registration_resets_its_parked_ones) {
    const Peer one = begin(), other = begin();
    registration->close_links();
    EXPECT_EQ(one.end(), End::rst);
    EXPECT_EQ(other.end(), End::rst);
}

TEST_F(DataLinkTest, a_backend_that_refuses_is_told_with_its_address) {
    const ClosedPort nobody;
    set_backend(nobody.port());
    const Peer peer = begin();
    peer.say(active());
    const Response refused = refusal(peer);
    EXPECT_EQ(refused.code, Code::backend_refused);
    EXPECT_NE(refused.message.find("127.0.0.1:" + std::to_string(nobody.port())),
              std::string::npos);
}

TEST_F(DataLinkTest, another_backend_is_for_the_streams_that_come_from_then_on) {
    const PollingListener other;
    const Peer one = begin(), two = begin();
    one.say(active());
    Peer service(worker.context(), backend);
    expect_open(one);
    set_backend(other.port());
    two.say(active());
    const Peer new_service(worker.context(), other);
    expect_open(two);
    EXPECT_EQ(registration->streams, 2U);
    service.say_bytes("still here");
    EXPECT_EQ(one.hear_bytes(10), "still here");
    reset(service.fd());
    EXPECT_TRUE(becomes([this] { return registration->streams == 1; }));
}

TEST_F(DataLinkTest, an_out_that_drains_opens_nothing_more) {
    const Peer peer = begin();
    registration->draining = true;
    peer.say(active());
    EXPECT_EQ(refusal(peer).code, Code::draining);
    EXPECT_FALSE(backend_is_dialled());
}

TEST_F(DataLinkTest, a_topic_that_is_not_served_here_leads_to_no_backend) {
    const Peer peer = begin();
    auto other = active();
    other.topic = "other";
    peer.say(other);
    EXPECT_EQ(refusal(peer).code, Code::no_topic);
    EXPECT_FALSE(backend_is_dialled());
}

TEST_F(DataLinkTest, an_in_that_demands_encryption_which_is_off_here_is_refused) {
    const Peer peer = begin();
    auto secret = active();
    secret.e2e = true;
    peer.say(secret);
    EXPECT_EQ(refusal(peer).code, Code::e2e);
    EXPECT_FALSE(backend_is_dialled());
}

TEST_F(DataLinkTest, a_stream_for_whose_backend_no_descriptor_is_left_is_refused) {
    const Peer peer = begin();
    Budget::Places others;
    ASSERT_TRUE(budget.take(0, budget.most() - budget.used(0), others));
    peer.say(active());
    EXPECT_EQ(refusal(peer).code, Code::limit);
    EXPECT_FALSE(backend_is_dialled());
}

TEST_F(DataLinkTest, a_client_that_leaves_before_the_backend_answers_ends_there_too) {
    Peer peer = begin();
    peer.say(active());
    reset(peer.fd());
    const Peer service(worker.context(), backend);
    EXPECT_EQ(service.end(), End::rst);
}

/// With frames: the use-th stream of its connection.
class ReusedDataLinkTest : public DataLinkTest {
  protected:
    static DataActiveRequest active_use(unsigned use) {
        DataActiveRequest request = active();
        request.use = use;
        return request;
    }
    /// The backend answers one stream and ends it.
    void carry(const Peer& peer, unsigned use) {
        peer.say_bytes(encode(active_use(use)) + frames::data("first"));
        Peer service(worker.context(), backend);
        expect_open(peer);
        EXPECT_EQ(service.hear_bytes(5), "first");
        service.say_bytes("last");
        peer.say_bytes(frames::fin(5));
        EXPECT_EQ(service.end(), End::fin);
        ::shutdown(service.fd().get(), SHUT_WR);
        EXPECT_EQ(peer.hear_bytes(24), frames::data("last") + frames::fin(4) + frames::free());
        EXPECT_TRUE(becomes([this] { return budget.used(0) == 1; })) << "the backend's is free";
    }
};

TEST_F(ReusedDataLinkTest, a_connection_carries_one_stream_after_another) {
    const Peer peer = begin();
    EXPECT_TRUE(asked.reuse);
    for (const unsigned use : {1U, 2U, 3U}) {
        carry(peer, use);
        EXPECT_EQ(registration->links->count, 1U) << "it is parked again";
    }
}

TEST_F(ReusedDataLinkTest, a_stream_out_of_turn_is_none) {
    for (const unsigned use : {0U, 1U, 3U}) {
        const Peer peer = begin();
        carry(peer, 1);
        peer.say(active_use(use));
        EXPECT_EQ(peer.end(), End::rst) << use;
        EXPECT_FALSE(backend_is_dialled());
    }
    const Peer peer = begin();
    peer.say(active_use(2));
    EXPECT_EQ(peer.end(), End::rst);
}

TEST_F(ReusedDataLinkTest, a_draining_out_ends_the_connection_behind_its_stream) {
    const Peer peer = begin();
    peer.say(active_use(1));
    Peer service(worker.context(), backend);
    expect_open(peer);
    registration->drain();
    peer.say_bytes(frames::fin(0));
    EXPECT_EQ(service.end(), End::fin);
    ::shutdown(service.fd().get(), SHUT_WR);
    EXPECT_EQ(peer.hear_bytes(12), frames::fin(0));
    EXPECT_EQ(peer.end(), End::fin);
}

TEST_F(ReusedDataLinkTest, a_backend_that_resets_costs_no_connection) {
    const Peer peer = begin();
    peer.say(active_use(1));
    Peer service(worker.context(), backend);
    expect_open(peer);
    reset(service.fd());
    EXPECT_EQ(peer.hear_bytes(4), frames::reset());
    peer.say_bytes(frames::data("late") + frames::reset());
    EXPECT_EQ(peer.hear_bytes(4), frames::free());
    carry(peer, 2);
}

TEST_F(ReusedDataLinkTest, a_refusal_ends_the_connection) {
    const Peer peer = begin();
    carry(peer, 1);
    DataActiveRequest other = active_use(2);
    other.topic = "web";
    peer.say(other);
    EXPECT_EQ(refusal(peer).code, Code::no_topic);
}

TEST_F(ReusedDataLinkTest, a_registration_that_is_over_closes_what_waits) {
    const Peer peer = begin();
    carry(peer, 1);
    registration->close_links();
    EXPECT_NE(peer.end(), End::none);
}

}  // namespace
}  // namespace inout::out::data_link_test
