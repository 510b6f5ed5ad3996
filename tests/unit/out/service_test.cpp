// What another configuration changes in out, and what it leaves alone. The test is the proxies.
#include "out/service.hpp"

#include <gtest/gtest.h>

#include "../peer.hpp"

namespace inout::out::service_test {
namespace {

using namespace std::chrono_literals;

class ServiceTest : public testing::Test {
  protected:
    ServiceTest() { config.networks.clear(); }
    ~ServiceTest() override {
        take({});
        controls.clear();
        EXPECT_TRUE(run_until(context(), [this] { return counters().tasks == tasks; }))
            << "something stayed";
        run_ready(context());  // what was called off goes with its last handler
    }

    asio::io_context& context() { return workers.main().context(); }
    /// A configuration with these topics is taken into use.
    void take(const std::vector<std::string>& topics) {
        auto next = std::make_shared<OutConfig>(config);
        for (const auto& topic : topics) {
            next->networks.push_back({.server = {"127.0.0.1", proxy.port()},
                                      .backend = {"127.0.0.1", 9},
                                      .topic = topic});
        }
        auto ready = service.prepare(std::move(next));
        ASSERT_TRUE(ready);
        EXPECT_EQ(ready->commit(), std::nullopt);
    }
    /// Those that register next, and are let in.
    void expect_registrations(std::size_t count) {
        std::map<std::string, Peer> fresh;
        while (fresh.size() < count) {
            Peer control(context(), proxy);
            const auto request = control.hear<OutRequest>();
            ASSERT_TRUE(request);
            fresh.emplace(request->topic, std::move(control));
        }
        for (auto& [topic, control] : fresh) {
            control.say(
                Response{.magic = "1", .request = "OutRequest", .ext = true, .quiet = true});
            controls.insert_or_assign(topic, std::move(control));
            expect_served(topic);
        }
    }
    void expect_served(const std::string& topic) {
        controls.at(topic).say(NewDataRequest{.magic = "2", .topic = topic});
        const Peer data(context(), proxy);
        const auto request = data.hear<OutDataRequest>();
        EXPECT_TRUE(request && request->topic == topic);
    }
    void expect_nobody() {
        for (int i = 0; i < 100; ++i) run_ready(context());
        EXPECT_FALSE(proxy.accept());
    }

    const std::size_t tasks = counters().tasks;
    PollingListener proxy;
    OutConfig config = default_out_config();
    Workers workers{1, RelayOptions{}};
    OutService service{workers};
    std::map<std::string, Peer> controls;
};

TEST_F(ServiceTest, what_is_the_same_in_another_configuration_stays) {
    take({"a", "b"});
    expect_registrations(2);
    take({"b", "a"});
    expect_nobody();
    expect_served("a");
    expect_served("b");
}

TEST_F(ServiceTest, what_is_gone_from_the_configuration_drains_and_what_is_new_registers) {
    take({"a", "b"});
    expect_registrations(2);
    take({"a", "c"});
    expect_registrations(1);
    expect_served("a");
    EXPECT_TRUE(controls.contains("c"));
    const auto notice = controls.at("b").hear_among_others<Notice>();
    EXPECT_TRUE(notice && notice->code == NoticeCode::draining);
    EXPECT_EQ(controls.at("b").end(), End::fin);
}

TEST_F(ServiceTest, other_heartbeats_are_agreed_on_anew) {
    take({"a"});
    expect_registrations(1);
    config.heartbeat_interval += 1ms;
    take({"a"});
    expect_registrations(1);
    expect_nobody();
}

TEST_F(ServiceTest, a_configuration_whose_files_are_missing_changes_nothing) {
    take({"a"});
    expect_registrations(1);
    auto bad = std::make_shared<OutConfig>(config);
    bad->networks.push_back({.server = {"127.0.0.1", proxy.port()}, .topic = "b"});
    bad->networks.front().auth = KeyOptions{.id = "k", .secret_file = "/nowhere/secret"};
    EXPECT_FALSE(service.prepare(std::move(bad)));
    expect_nobody();
    expect_served("a");
}

}  // namespace
}  // namespace inout::out::service_test
