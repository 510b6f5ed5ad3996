// The registrations of one network of out, one after another and beside each other. The test is the
// proxy and the backends.
#include "out/control_link.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "../logged.hpp"
#include "../peer.hpp"

namespace inout::out::control_link_test {
namespace {

using namespace std::chrono_literals;

class ControlLinkTest : public testing::Test {
  protected:
    ControlLinkTest() { spawn(worker.executor(), "control link", link->run()); }
    ~ControlLinkTest() override {
        if (link) link->remove();
        link.reset();
        worker.relays().reset_all({.cause = StreamEnd::Cause::drain, .words = "the test is over"});
        proxy.reset();
        EXPECT_TRUE(becomes([this] { return counters().tasks == tasks; })) << "something stayed";
        run_ready(worker.context());  // a relay goes with its last operation
    }

    bool becomes(const std::function<bool()>& condition) {
        return run_until(worker.context(), condition);
    }
    std::shared_ptr<const ProxyLink> reach(const std::optional<KeyOptions>& auth = std::nullopt) {
        TrustStores trusts;
        auto made = ProxyLink::make(server, std::nullopt, auth, trusts);
        EXPECT_TRUE(made);
        return std::move(*made);
    }
    /// As the configuration is now.
    std::shared_ptr<const Network> network(std::shared_ptr<const ProxyLink> reached) {
        const OutNetwork part{
            .server = server, .backend = {"127.0.0.1", backend.port()}, .topic = "db"};
        return std::make_shared<const Network>(
            Network{.config = part,
                    .times = Times(config),
                    .proxy_link = std::move(reached),
                    .links = std::make_shared<DataLinks>(budget),
                    .backends = std::make_shared<Backends>(part)});
    }
    /// Another configuration, for which what is registered will not do.
    void change_registration() {
        config.heartbeat_timeout += 1ms;
        link->set_network(network(proxy_link));
    }
    /// The next registration that is asked for.
    Peer asked() {
        Peer control(worker.context(), *proxy);
        const auto heard = control.hear<OutRequest>();
        EXPECT_TRUE(heard && heard->topic == "db");
        if (heard) request = *heard;
        return control;
    }
    static Response answer(bool ext = true, Code code = Code::none) {
        return {.magic = "1",
                .request = "OutRequest",
                .message = code == Code::none ? "" : "not you",
                .ext = ext,
                .code = code,
                .ticket = "0123",
                .quiet = true};
    }
    Peer registered(bool ext = true) {
        Peer control = asked();
        control.say(answer(ext));
        parked(control);  // then it is served
        return control;
    }
    /// A data connection that `control` asks for.
    Peer parked(const Peer& control) {
        control.say(NewDataRequest{.magic = "2", .topic = "db"});
        Peer data(worker.context(), *proxy);
        EXPECT_TRUE(data.hear<OutDataRequest>());
        return data;
    }
    /// A stream on it; its other end at `at`.
    Peer stream(const Peer& data, const LoopbackListener& at) {
        data.say(DataActiveRequest{
            .magic = "3", .topic = "db", .ext = true, .id = "0123456789abcdef", .client = "c:1"});
        Peer service(worker.context(), at);
        const auto opened = data.hear<Response>();
        EXPECT_TRUE(opened && opened->ok());
        return service;
    }
    static void hear_draining(const Peer& control) {
        const auto notice = control.hear_among_others<Notice>();
        EXPECT_TRUE(notice && notice->code == NoticeCode::draining);
    }
    /// Nobody comes to the proxy while all has its turn.
    bool nobody_asks() {
        for (int i = 0; i < 100; ++i) run_ready(worker.context());
        return !proxy->accept();
    }

    const std::size_t tasks = counters().tasks;
    std::optional<PollingListener> proxy{std::in_place};
    PollingListener backend;
    const HostPort server{"127.0.0.1", proxy->port()};
    OutConfig config = [] {
        auto quick = default_out_config();
        quick.retry_interval = 10ms;
        return quick;
    }();
    Budget budget{100, 0};
    Workers workers{1, RelayOptions{}};
    Worker& worker = workers.main();
    std::shared_ptr<const ProxyLink> proxy_link = reach();
    std::shared_ptr<ControlLink> link = std::make_shared<ControlLink>(
        worker, workers, network(proxy_link), std::make_shared<OutName>());
    OutRequest request;
};

TEST_F(ControlLinkTest, another_backend_needs_no_other_registration) {
    const Peer control = registered();
    const Peer old_data = parked(control), data = parked(control);
    const Peer old_service = stream(old_data, backend);
    const PollingListener old_backend = std::exchange(backend, PollingListener());
    link->set_network(network(reach()));
    const Peer service = stream(data, backend);
    old_service.say_bytes("still here");
    EXPECT_EQ(old_data.hear_bytes(10), "still here");
    EXPECT_TRUE(nobody_asks());
}

TEST_F(ControlLinkTest, another_key_is_shown_beside_the_registration_that_is_there) {
    const std::string file = testing::TempDir() + "control_link_test_key";
    std::ofstream(file) << "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
    ::chmod(file.c_str(), 0600);
    const Peer first = registered();
    const Peer data = parked(first);
    const Peer service = stream(data, backend);
    const auto instance = request.instance;
    EXPECT_FALSE(request.proof);
    const std::string lines = logged([&] {
        link->set_network(network(reach(KeyOptions{.id = "new", .secret_file = file})));
        const Peer second = asked();
        EXPECT_EQ(request.instance, instance);
        EXPECT_TRUE(request.proof && request.proof->key == "new");
        const Peer spare = parked(first);
        second.say(answer());
        hear_draining(first);
        EXPECT_EQ(spare.end(), End::rst) << "it is not wanted any more";
        const Peer new_data = parked(second);
        const Peer new_service = stream(new_data, backend);
        service.say_bytes("still here");
        EXPECT_EQ(data.hear_bytes(10), "still here");
    });
    EXPECT_NE(lines.find("registers anew"), std::string::npos) << lines;
    EXPECT_NE(lines.find(" registered topic=db"), std::string::npos) << lines;
    std::remove(file.c_str());
}

TEST_F(ControlLinkTest, the_end_of_one_that_was_replaced_is_no_failure) {
    Peer first = registered();
    const std::string lines = logged([&] {
        change_registration();
        const Peer second = registered();
        hear_draining(first);
        reset(first.fd());
        EXPECT_TRUE(nobody_asks());
        EXPECT_EQ(counters().topics_held, 1U);
    });
    EXPECT_EQ(lines.find("disconnected"), std::string::npos) << lines;
    EXPECT_NE(lines.find("unregistered"), std::string::npos) << lines;
}

TEST_F(ControlLinkTest, nor_is_one_that_is_seen_before_the_answer_that_explains_it) {
    Peer first = registered();
    const Peer data = parked(first);
    const std::string lines = logged([&] {
        change_registration();
        const Peer second = asked();
        reset(first.fd());
        EXPECT_EQ(data.end(), End::rst);
        EXPECT_EQ(counters().topics_held, 1U);
        second.say(answer());
        const Peer new_data = parked(second);
        EXPECT_TRUE(nobody_asks());
        EXPECT_EQ(counters().topics_held, 1U);
    });
    EXPECT_EQ(lines.find("disconnected"), std::string::npos) << lines;
}

TEST_F(ControlLinkTest, one_that_was_lost_while_another_was_refused_is_a_failure) {
    Peer first = registered();
    const std::string lines = logged([&] {
        const Peer data = parked(first);
        change_registration();
        const Peer second = asked();
        reset(first.fd());
        EXPECT_EQ(data.end(), End::rst);
        second.say(answer(true, Code::denied));
        const Peer third = registered();
        EXPECT_TRUE(becomes([] { return counters().topics_held == 1U; }));
    });
    EXPECT_NE(lines.find("disconnected"), std::string::npos) << lines;
}

TEST_F(ControlLinkTest, one_that_is_refused_leaves_the_other_in_service_and_is_tried_again) {
    const Peer first = registered();
    const std::string lines = logged([&] {
        change_registration();
        for (int i = 0; i < 3; ++i) {
            const Peer refused = asked();
            refused.say(answer(true, Code::denied));
            EXPECT_NE(refused.end(), End::none);
        }
        EXPECT_EQ(counters().topics_held, 1U);
    });
    EXPECT_NE(lines.find("not you; until then the earlier registration stays"), std::string::npos)
        << lines;
    const Peer accepted = registered();
    hear_draining(first);
    EXPECT_EQ(first.end(), End::fin);
}

TEST_F(ControlLinkTest, the_newest_configuration_wins) {
    const Peer first = registered();
    change_registration();
    const Peer second = asked();
    const auto timeout = request.heartbeat_timeout;
    change_registration();
    change_registration();
    EXPECT_TRUE(nobody_asks()) << "one at a time";
    second.say(answer());
    hear_draining(first);
    const Peer third = registered();
    EXPECT_EQ(*request.heartbeat_timeout, *timeout + 2ms);
    hear_draining(second);
    const Peer data = parked(third);
    EXPECT_TRUE(nobody_asks());
}

TEST_F(ControlLinkTest, a_configuration_that_comes_back_ends_the_tries_for_the_other) {
    const auto before = network(proxy_link);
    const Peer first = registered();
    change_registration();
    {
        const Peer refused = asked();
        link->set_network(before);
        refused.say(answer(true, Code::denied));
        EXPECT_NE(refused.end(), End::none);
    }
    const Peer data = parked(first);
    EXPECT_TRUE(nobody_asks());
}

TEST_F(ControlLinkTest, better_credentials_are_tried_at_once) {
    config.retry_interval = 600s;
    link->set_network(network(proxy_link));
    {
        const Peer refused = asked();
        refused.say(answer(true, Code::denied));
        EXPECT_NE(refused.end(), End::none);
    }
    change_registration();
    const Peer silent = asked();
    change_registration();
    const Peer accepted = registered();
    EXPECT_NE(silent.end(), End::none) << "nothing can be lost with it";
    EXPECT_TRUE(becomes([] { return counters().topics_held == 1U; }));
}

TEST_F(ControlLinkTest, a_network_that_is_removed_goes_with_its_last_stream) {
    for (const bool ext : {true, false}) {
        const Peer control = registered(ext);
        const Peer spare = parked(control), data = parked(control);
        Peer service = stream(data, backend);
        const std::weak_ptr<ControlLink> here = link;
        link->remove();
        link.reset();
        EXPECT_EQ(spare.end(), End::rst);
        if (ext) hear_draining(control);
        EXPECT_EQ(counters().topics_held + counters().topics_unregistered, 0U);
        service.say_bytes("still here");
        EXPECT_EQ(data.hear_bytes(10), "still here");
        EXPECT_FALSE(here.expired());
        reset(service.fd());
        EXPECT_EQ(control.end(), End::fin);
        EXPECT_TRUE(becomes([&] { return here.expired(); }));
        link = std::make_shared<ControlLink>(worker, workers, network(proxy_link),
                                             std::make_shared<OutName>());
        spawn(worker.executor(), "control link", link->run());
    }
    const Peer control = registered();
}

TEST_F(ControlLinkTest, a_network_that_is_removed_while_it_registers_is_gone) {
    const Peer control = asked();
    link->remove();
    EXPECT_NE(control.end(), End::none);
    EXPECT_TRUE(nobody_asks());
}

TEST_F(ControlLinkTest, a_proxy_that_drains_is_served_while_another_one_is_looked_for) {
    Peer first = registered();
    const Peer data = parked(first);
    const std::string lines = logged([&] {
        first.say(Notice{NoticeCode::draining, "proxy is ending"});
        const Peer refused = asked();
        refused.say(answer(true, Code::draining));
        EXPECT_NE(refused.end(), End::none);
        const Peer second = registered();
        const Peer new_data = parked(second);
        const Peer service = stream(data, backend), new_service = stream(new_data, backend);
        const Peer late = parked(first);
        ::shutdown(first.fd().get(), SHUT_WR);
        EXPECT_NE(first.end(), End::none);
        EXPECT_NE(late.end(), End::none);
        EXPECT_TRUE(nobody_asks());
        service.say_bytes("still here");
        EXPECT_EQ(data.hear_bytes(10), "still here");
    });
    EXPECT_EQ(lines.find("disconnected"), std::string::npos) << lines;
    EXPECT_NE(lines.find("unregistered"), std::string::npos) << lines;
}

TEST_F(ControlLinkTest, proxies_that_drain_one_after_another_do_not_pile_up) {
    std::vector<Peer> controls;
    controls.push_back(registered());
    for (std::size_t i = 0; i < kLeavingMax + 1; ++i) {
        controls.back().say(Notice{NoticeCode::draining, "proxy is ending"});
        controls.back().say(Notice{NoticeCode::draining, "proxy is ending"});
        controls.push_back(registered());
    }
    EXPECT_NE(controls[0].end(), End::none) << "the oldest goes";
    for (std::size_t i = 1; i < controls.size(); ++i) const Peer data = parked(controls[i]);
}

TEST_F(ControlLinkTest, a_drain_is_told_to_all_of_them) {
    const Peer first = registered();
    first.say(Notice{NoticeCode::draining, "proxy is ending"});
    const Peer second = registered();
    const Peer data = parked(second);
    change_registration();
    const Peer third = asked();
    link->drain();
    hear_draining(first);
    hear_draining(second);
    EXPECT_EQ(data.end(), End::rst);
    third.say(answer());
    hear_draining(third);
    EXPECT_TRUE(nobody_asks());
}

}  // namespace
}  // namespace inout::out::control_link_test
