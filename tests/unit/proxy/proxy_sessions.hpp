// A proxy with one worker, whose outs and ins are the test.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "../peer.hpp"
#include "proxy/service.hpp"
#include "proxy/sessions.hpp"

namespace inout::proxy {

inline constexpr const char* kTopic = "web";

inline OutRequest registration_of_topic() {
    return {.magic = "1", .version = "0.0.1", .topic = kTopic, .ext = true};
}
inline OutDataRequest parking(const std::string& ticket, bool quiet = true) {
    return {.magic = "2",
            .version = "0.0.1",
            .topic = kTopic,
            .ext = true,
            .ticket = ticket,
            .quiet = quiet};
}
inline InRequest opening(const std::string& topic = kTopic) {
    return {.magic = "3",
            .version = "0.0.1",
            .topic = topic,
            .ext = true,
            .id = "0123456789abcdef",
            .client = "192.0.2.1:5"};
}
inline Response answer_of_out(const DataActiveRequest& active, Code code = Code::none) {
    return {.magic = active.magic,
            .request = "DataActiveRequest",
            .message = code == Code::none ? "" : "as out says",
            .ext = true,
            .code = code};
}

class ProxySessions : public testing::Test {
  protected:
    /// An out that is registered, and its ticket.
    struct Out {
        Peer control;
        Response answer;
    };

    ProxySessions() {
        config.pool_min = 1;
        config.pool_max = 2;
    }
    ~ProxySessions() override {
        worker.relays().reset_all({.cause = StreamEnd::Cause::drain, .words = "the test is over"});
        EXPECT_TRUE(becomes([this] { return counters().tasks == tasks; })) << "a session stayed";
        EXPECT_EQ(worker.relays().size(), 0U);
        run_ready(worker.context());  // a relay goes with its last operation
    }

    ProxyState& state() {
        if (!made) {
            made.emplace(config.limits);
            take_config();
        }
        return *made;
    }
    /// The proxy runs on `config` as it is now.
    void take_config() {
        auto settings =
            load_settings(std::make_shared<const ProxyConfig>(config), made->settings().get());
        ASSERT_TRUE(settings);
        made->take(*settings);
    }
    bool becomes(const std::function<bool()>& condition) {
        return run_until(worker.context(), condition);
    }
    /// Connects; nothing is said yet.
    Peer come() {
        TcpPair pair;
        ConnectionPtr connection = adopt_owned(worker.context(), std::move(pair.a));
        auto admitted = state().strangers.admit(connection, config);
        spawn(worker.executor(), "first message",
              first_message_session(state(), worker, std::move(connection),
                                    std::move(admitted.stay)));
        return {worker.context(), std::move(pair.b)};
    }
    Peer come(const Message& message) {
        Peer peer = come();
        peer.say(message);
        return peer;
    }
    /// Registers, and hears the answer and nothing more.
    Out register_out(const OutRequest& request = registration_of_topic()) {
        Out out{come(request), {}};
        const auto answer = out.control.hear<Response>();
        EXPECT_TRUE(answer && answer->ok());
        out.answer = answer.value_or(Response{});
        return out;
    }
    /// Registers as the one that holds the topic, and hears how many connections it wants.
    Out register_holder(unsigned wanted = 1) {
        Out out = register_out();
        EXPECT_EQ(wanted_by_proxy(out), wanted);
        return out;
    }
    /// One behind the others; without an instance, so that nobody is replaced.
    Out register_standby() {
        OutRequest request = registration_of_topic();
        request.standby = true;
        return register_out(request);
    }
    /// As our outs refuse: nothing was begun.
    static void refuse_exactly(const Peer& data, Code code) {
        const auto active = data.hear<DataActiveRequest>();
        ASSERT_TRUE(active);
        Response refusal = answer_of_out(*active, code);
        refusal.retry = true;
        data.say(refusal);
    }
    static unsigned wanted_by_proxy(const Out& out) {
        const auto request = out.control.hear<NewDataRequest>();
        return request ? request->count : 0;
    }
    /// Parks; it is there when this returns.
    Peer park(const Out& out) {
        const std::size_t before = counters().parked;
        Peer data = come(parking(out.answer.ticket));
        EXPECT_TRUE(becomes([&] { return counters().parked == before + 1; }));
        return data;
    }
    /// A stream that is open.
    struct Stream {
        Peer in, data;
    };
    Stream open(const Out& out) {
        Peer data = park(out);
        Peer in = come(opening());
        answer(data);
        const auto response = in.hear<Response>();
        EXPECT_TRUE(response && response->ok());
        return {std::move(in), std::move(data)};
    }
    /// Hears an activation and answers it.
    static void answer(const Peer& data, Code code = Code::none) {
        const auto active = data.hear<DataActiveRequest>();
        ASSERT_TRUE(active);
        data.say(answer_of_out(*active, code));
    }
    /// How it is refused; the connection ends cleanly behind that.
    static Code refusal(const Peer& peer) {
        const auto response = peer.hear<Response>();
        EXPECT_TRUE(response && !response->ok());
        EXPECT_EQ(peer.end(), End::fin);
        return response ? response->code : Code::none;
    }

    ProxyConfig config = default_proxy_config();
    const std::size_t tasks = counters().tasks;
    std::optional<ProxyState> made;
    Worker worker{RelayOptions{}};  // the first to go: what is posted there holds shares of `made`
};

}  // namespace inout::proxy
