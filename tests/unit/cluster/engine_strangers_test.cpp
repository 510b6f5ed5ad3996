// What an engine makes of a server of NATS that others use too, or that does not let it.
#include <asio/read.hpp>
#include <asio/write.hpp>

#include "../logged.hpp"
#include "../tls_pair.hpp"
#include "engine_with_nats.hpp"

namespace inout::cluster::engine_strangers_test {
namespace {

using namespace std::chrono_literals;
using test::NatsProcess;
using test::Proxy;
using EngineAmongStrangers = test::EngineFixture;

/// Who may publish to NATS, but is no proxy.
class Stranger {
  public:
    explicit Stranger(const NatsProcess& nats) : socket_(context_) {
        socket_.connect(
            {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(nats.port())});
        say("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    }
    void publish(const std::string& subject, const std::string& reply, const std::string& body) {
        say("PUB " + subject + " " + reply + " " + std::to_string(body.size()) + "\r\n" + body +
            "\r\n");
    }
    /// What was said until now has arrived.
    void flush() {
        say("PING\r\n");
        std::string heard;
        char byte = 0;
        while (!heard.ends_with("PONG\r\n")) {
            asio::read(socket_, asio::buffer(&byte, 1));
            heard += byte;
        }
    }

  private:
    void say(const std::string& text) { asio::write(socket_, asio::buffer(text)); }

    asio::io_context context_;
    asio::ip::tcp::socket socket_;
};

TEST_F(EngineAmongStrangers, take_no_harm_from_messages_of_strangers) {
    NatsProcess nats;
    Proxy a("a", {nats.url()}), b("b", {nats.url()});
    ASSERT_TRUE(is_up(a) && is_up(b));
    b.has("t");
    b.has("db.#", true);
    ASSERT_TRUE(finds(a, "t", b.address));
    ASSERT_TRUE(finds(a, "db.x", b.address));
    const std::vector<std::string> bodies = {
        "",
        "{",
        "{}",
        "[1]",
        std::string(3'000, '{'),
        std::string(100'000, 'x'),
        std::string("\0\xff\r\n", 4),
        R"({"v":1,"proxy":"evil","match":"exact"})",
        R"({"v":1,"proxy":"a.b","match":"exact","address":"127.0.0.1:1"})",
        R"({"v":1,"proxy":"evil","match":"pattern","address":"127.0.0.1:1","pattern":"#.#"})",
        R"({"v":1,"proxy":"evil","pattern":"db.*"})",
        R"({"v":99,"proxy":"evil"})"};
    const std::vector<std::string> subjects = {"inout.test.t.t",      "inout.test.t.db.x",
                                               "inout.test.t.%",      "inout.test.t.db.%zz",
                                               "inout.test.t.db.%41", "inout.test.new.t",
                                               "inout.test.new.db.x", "inout.test.pattern",
                                               "inout.test.proxy.b",  "inout.test.a.guessed.1"};
    const std::vector<std::string> replies = {
        "",         "inout.test.t.t",    "inout.test.a.x.1", "inout.test.a.x.y",
        "_INBOX.x", "inout.test.pattern"};
    Stranger stranger(nats);
    for (const auto& subject : subjects) {
        for (const auto& reply : replies) {
            for (const auto& body : bodies) stranger.publish(subject, reply, body);
        }
    }
    stranger.flush();
    EXPECT_TRUE(finds(a, "t", b.address));
    EXPECT_TRUE(finds(a, "db.x", b.address));
    EXPECT_EQ(find(a, "nobody's"), "no_topic");
    EXPECT_TRUE(a.engine->is_up() && b.engine->is_up());
}

TEST_F(EngineAmongStrangers, say_what_they_are_not_permitted) {
    NatsProcess nats(R"(
authorization {
  users = [ {user: u, password: p, permissions: {
    publish: ["inout.test.a.>"], subscribe: ["inout.test.a.>", "inout.test.pattern"]}} ]
}
no_auth_user: u
)");
    const std::string lines = logged([&] {
        Proxy a("a", {nats.url()});
        ASSERT_TRUE(is_up(a));
        a.has("secret.topic");
        // Nobody answers, and NATS does not say that nobody listens.
        EXPECT_EQ(find(a, "other", 1s), "no_topic");
    });
    EXPECT_NE(lines.find("cluster not permitted"), std::string::npos) << lines;
    EXPECT_NE(lines.find("inout.test."), std::string::npos) << lines;
}

TEST_F(EngineAmongStrangers, are_not_up_where_they_may_not_hear_themselves) {
    NatsProcess nats(R"(
authorization {
  users = [ {user: u, password: p, permissions: {publish: ["x.>"], subscribe: ["x.>"]}} ]
}
no_auth_user: u
)");
    const std::string lines = logged([&] {
        Proxy a("a", {nats.url()});
        EXPECT_EQ(find(a, "other"), "no_directory");
        std::this_thread::sleep_for(500ms);
        EXPECT_FALSE(a.engine->is_up());
    });
    EXPECT_NE(lines.find("cluster not permitted"), std::string::npos) << lines;
}

TEST_F(EngineAmongStrangers, trust_whom_they_are_told_to) {
    const CertificateText local{
        .common_name = "localhost",
        .names = {{GEN_DNS, "localhost"}, {GEN_IPADD, std::string("\x7f\0\0\1", 4)}}};
    const Certificate ca({.common_name = "ca"}), server(local, &ca), other({.common_name = "x"}),
        elsewhere({.common_name = "h", .names = {{GEN_DNS, "elsewhere"}}}, &ca);
    const auto config = [](const Certificate& its) {
        return "tls { cert_file: \"" + its.cert() + "\", key_file: \"" + its.key() + "\" }\n";
    };
    NatsProcess good(config(server)), misnamed(config(elsewhere));
    const auto options = [](const NatsProcess& nats, const Certificate& trusted) {
        Engine::Options its{
            .nats = {.servers = {"tls" + nats.url().substr(4)}, .ca = trusted.cert()},
            .cluster = "test",
            .proxy = "a",
            .address = "127.0.0.1:1"};
        return Engine::make(its, [](const std::string&) { return Answer{}; }).value();
    };
    const auto lines = logged([&] {
        const auto trusting = options(good, ca), wary = options(good, other),
                   misled = options(misnamed, ca);
        EXPECT_TRUE(comes_true([&] { return trusting->is_up(); }));
        std::this_thread::sleep_for(1s);
        EXPECT_FALSE(wary->is_up());
        EXPECT_FALSE(misled->is_up());
    });
    EXPECT_NE(lines.find("cluster unreachable"), std::string::npos) << lines;
    Engine::Options missing{.nats = {.servers = {"tls://127.0.0.1:1"}, .ca = "/no/such/file"},
                            .cluster = "test",
                            .proxy = "a",
                            .address = "127.0.0.1:1"};
    const auto refused = Engine::make(missing, [](const std::string&) { return Answer{}; });
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("/no/such/file"), std::string::npos) << refused.error();
}

}  // namespace
}  // namespace inout::cluster::engine_strangers_test
