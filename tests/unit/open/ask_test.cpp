// The asking side of a stream. The test is who wants it, the proxy, and out behind that.
#include "common/open/ask.hpp"

#include <gtest/gtest.h>

#include "../peer.hpp"
#include "../tls_pair.hpp"
#include "common/app/worker.hpp"
#include "common/net/deadline.hpp"
#include "common/net/error_watch.hpp"

namespace inout::ask_test {
namespace {

using namespace std::chrono_literals;

Response answer(Code code = Code::none, std::string request = "InRequest") {
    return {.magic = "7",
            .request = std::move(request),
            .message = code == Code::none ? "" : "as it is said",
            .ext = true,
            .code = code};
}

class AskTest : public testing::Test {
  protected:
    AskTest() {
        TcpPair from_client, to_proxy;
        client = std::move(from_client.a);
        source = adopt_owned(worker.context(), std::move(from_client.b));
        proxy = adopt_owned(worker.context(), std::move(to_proxy.a));
        peer.emplace(worker.context(), std::move(to_proxy.b));
        watch.emplace(*source);
        early.emplace(worker.relays(), *source);
        deadline.emplace(*proxy);
    }
    ~AskTest() override {
        proxy->close();
        EXPECT_TRUE(becomes([this] { return counters().tasks == tasks; })) << "it still asks";
        early.reset();
        watch.reset();
        source->close();
        run_ready(worker.context());
    }

    bool becomes(const std::function<bool()>& condition) {
        return run_until(worker.context(), condition);
    }
    static Task<> run(AskTest& test, std::unique_ptr<TlsSession> e2e) {
        const Message request = InRequest{.magic = "7", .version = "0.0.1", .topic = "db"};
        Asking asking{*test.proxy, test.server, *test.early, std::move(e2e)};
        auto result = co_await ask(std::move(asking), request);
        test.source->on_reset({});
        test.result.emplace(std::move(result));
    }
    /// It asks; a reset of the client ends that.
    void begin(std::unique_ptr<TlsSession> e2e = nullptr) {
        deadline->expires_after(kPatience);
        source->on_reset([this] { proxy->close(); });
        spawn(worker.executor(), "ask", run(*this, std::move(e2e)));
    }
    void begin_secret() { begin(std::make_unique<TlsSession>(psk(TlsSide::client).session())); }
    void client_says(std::string_view bytes) const {
        EXPECT_EQ(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
        EXPECT_TRUE(eventually([this] { return has_input(source->fd()); }));
    }
    void hear_request() const {
        const auto request = peer->hear<InRequest>();
        EXPECT_TRUE(request && request->topic == "db" && request->magic == "7");
    }
    bool is_open() {
        EXPECT_TRUE(becomes([this] { return result.has_value(); }));
        return result && *result;
    }
    /// Why there is no stream. What nobody has answered is not the proxy's word.
    void expect_failure(bool answered, Code code, const std::string& detail) {
        ASSERT_TRUE(becomes([this] { return result.has_value(); }));
        ASSERT_FALSE(*result);
        EXPECT_EQ(result->error().answered, answered);
        const Reason& reason = result->error().reason;
        EXPECT_EQ(to_string(reason.code), to_string(code));
        EXPECT_NE(reason.detail.find(detail), std::string::npos) << reason.detail;
    }
    void expect_unanswered(const std::string& detail) {
        expect_failure(false, Code::proxy_unreachable, detail);
    }

    const std::size_t tasks = counters().tasks;
    const HostPort server{"proxy.test", 40001};
    Worker worker{RelayOptions{}};
    UniqueFd client;
    ConnectionPtr source, proxy;
    std::optional<Peer> peer;
    std::optional<ErrorWatch> watch;
    std::optional<EarlyData> early;
    std::optional<Deadline> deadline;
    std::optional<Result<Response, NotOpened>> result;
};

TEST_F(AskTest, first_bytes_leave_with_the_request_and_behind_it_until_the_answer) {
    client_says("first");
    begin();
    hear_request();
    EXPECT_EQ(peer->hear_bytes(5), "first");
    client_says("second");
    EXPECT_EQ(peer->hear_bytes(6), "second");
    auto yes = answer();
    yes.warm = kSpareKept;
    peer->say(yes);
    ASSERT_TRUE(is_open());
    EXPECT_EQ((*result)->warm, kSpareKept);
    EXPECT_TRUE(early->has_taken());
    client_says("third");
    run_ready(worker.context());
    EXPECT_TRUE(peer->is_quiet()) << "the rest is the relay's";
}

TEST_F(AskTest, bytes_behind_the_answer_are_left_for_the_relay) {
    begin();
    hear_request();
    peer->say_bytes(encode(answer()) + "banner");
    ASSERT_TRUE(is_open());
    std::string banner(6, '\0');
    EXPECT_EQ(proxy->receive(banner), 6);
    EXPECT_EQ(banner, "banner");
    EXPECT_FALSE(early->has_taken());
}

TEST_F(AskTest, a_refusal_is_passed_on) {
    begin();
    hear_request();
    peer->say(answer(Code::no_topic));
    expect_failure(true, Code::no_topic, "as it is said");
}

TEST_F(AskTest, an_error_that_names_no_request_is_a_refusal_too) {
    begin();
    hear_request();
    peer->say(Response{.message = "invalid tp", .code = Code::unknown});
    expect_failure(true, Code::unknown, "invalid tp");
}

TEST_F(AskTest, the_answer_to_something_else_is_none) {
    begin();
    hear_request();
    peer->say(answer(Code::none, "OutRequest"));
    expect_unanswered("proxy.test:40001: not an answer to the request");
}

TEST_F(AskTest, compression_that_was_not_offered_opens_nothing) {
    begin();
    hear_request();
    auto yes = answer();
    yes.zstd = true;
    peer->say(yes);
    expect_failure(true, Code::malformed, "agrees to what was not offered");
}

TEST_F(AskTest, another_message_is_no_answer) {
    begin();
    hear_request();
    peer->say(Ping{});
    expect_unanswered("proxy.test:40001: not an answer to the request");
}

TEST_F(AskTest, garbage_is_shown) {
    begin();
    hear_request();
    peer->say_bytes("HTTP/1.1 400 Bad Request\r\n\r\n");
    expect_unanswered("what answers at proxy.test:40001 is no inout proxy; it says: HTTP/1.1");
}

TEST_F(AskTest, a_proxy_that_ends_without_a_word_has_not_answered) {
    begin();
    hear_request();
    ::shutdown(peer->fd().get(), SHUT_WR);
    expect_unanswered("proxy.test:40001 ended the connection without an answer");
}

TEST_F(AskTest, a_proxy_that_resets_has_not_answered) {
    begin();
    hear_request();
    reset(peer->fd());
    expect_unanswered("before any answer");
}

TEST_F(AskTest, silence_ends_with_the_deadline) {
    begin();
    hear_request();
    deadline->expires_after(1ms);
    ASSERT_FALSE(is_open());
    EXPECT_TRUE(proxy->has_expired());
    EXPECT_FALSE(result->error().answered);
    EXPECT_EQ(peer->end(), End::rst);
}

TEST_F(AskTest, a_client_that_resets_before_anything_was_taken_ends_it) {
    begin();
    hear_request();
    reset(client);
    ASSERT_FALSE(is_open());
    EXPECT_TRUE(source->was_reset());
    EXPECT_FALSE(early->has_taken());
    EXPECT_EQ(peer->end(), End::rst);
}

TEST_F(AskTest, a_client_that_resets_after_its_first_bytes_gets_its_stream_opened) {
    client_says("first");
    begin();
    hear_request();
    reset(client);
    EXPECT_TRUE(becomes([this] { return source->was_reset(); }));
    peer->say(answer());
    EXPECT_TRUE(is_open());
    EXPECT_EQ(peer->hear_bytes(5), "first");
    EXPECT_TRUE(early->has_taken());
    EXPECT_TRUE(proxy->is_open());
}

TEST_F(AskTest, an_answer_that_is_there_counts_though_the_request_could_not_be_sent) {
    peer->say(answer());
    EXPECT_TRUE(eventually([this] { return has_input(proxy->fd()); }));
    EXPECT_EQ(::shutdown(proxy->fd(), SHUT_WR), 0);
    begin();
    ASSERT_TRUE(is_open());
    EXPECT_TRUE(early->take_pump().has_lost_sink()) << "the relay learns of it";
}

TEST_F(AskTest, a_request_that_could_not_be_sent_says_why_if_nothing_is_answered) {
    ::shutdown(peer->fd().get(), SHUT_WR);
    EXPECT_TRUE(eventually([this] { return has_input(proxy->fd()); }));
    EXPECT_EQ(::shutdown(proxy->fd(), SHUT_WR), 0);
    begin();
    expect_unanswered("proxy.test:40001: Broken pipe");
}

/// Out, at the end of the connection behind the proxy.
class AskedOut {
  public:
    AskedOut(asio::io_context& context, Peer& peer, const TlsPsk& key)
        : context_(context), session_(key.session(), peer.fd().get()) {}

    bool shake() {
        auto state = TlsSession::Handshake::wait;
        run_until(context_, [&] {
            state = session_.handshake();
            return state != TlsSession::Handshake::wait;
        });
        return state == TlsSession::Handshake::done;
    }
    void say(const Message& message) {
        const std::string frame = encode(message);
        EXPECT_EQ(session_.write(frame), static_cast<ssize_t>(frame.size()));
    }
    std::string hear_bytes(std::size_t count) {
        std::string bytes;
        EXPECT_TRUE(run_until(context_, [&] {
            std::array<char, 1'024> some;
            const ssize_t n = session_.read({some.data(), std::min(some.size(), count)});
            if (n > 0) bytes.append(some.data(), static_cast<std::size_t>(n));
            return n == 0 || bytes.size() >= count;
        }));
        return bytes;
    }

  private:
    asio::io_context& context_;
    SocketSession session_;
};

class AskEndToEndTest : public AskTest {
  protected:
    /// The proxy has said yes: out is at the end of the connection.
    AskedOut begin_meeting(const TlsPsk& key = psk(TlsSide::server)) {
        client_says("first");
        begin_secret();
        hear_request();
        Response yes = answer();
        yes.out = "01234567";
        peer->say(yes);
        return {worker.context(), *peer, key};
    }
};

TEST_F(AskEndToEndTest, first_bytes_are_for_out_alone_and_its_answer_opens_the_stream) {
    AskedOut out = begin_meeting();
    ASSERT_TRUE(out.shake());
    EXPECT_EQ(out.hear_bytes(5), "first");
    EXPECT_FALSE(result) << "the backend has not answered yet";
    out.say(answer(Code::none, "DataActiveRequest"));
    ASSERT_TRUE(is_open());
    EXPECT_EQ((*result)->request, "InRequest") << "what the proxy told is what the caller learns";
    EXPECT_TRUE(early->has_taken());
}

TEST_F(AskEndToEndTest, a_proxy_that_refuses_gets_no_byte_of_the_client) {
    client_says("first");
    begin_secret();
    hear_request();
    peer->say(answer(Code::no_topic));
    expect_failure(true, Code::no_topic, "as it is said");
    EXPECT_FALSE(early->has_taken());
}

TEST_F(AskEndToEndTest, a_refusal_of_out_is_passed_on) {
    AskedOut out = begin_meeting();
    ASSERT_TRUE(out.shake());
    out.say(answer(Code::backend_refused, "DataActiveRequest"));
    expect_failure(true, Code::backend_refused, "as it is said");
    EXPECT_FALSE(result->error().untouched);
}

TEST_F(AskEndToEndTest, an_out_that_has_begun_nothing_is_named_and_its_bytes_can_go_elsewhere) {
    AskedOut out = begin_meeting();
    ASSERT_TRUE(out.shake());
    EXPECT_EQ(out.hear_bytes(5), "first");
    EXPECT_TRUE(early->has_passed());
    Response refusal = answer(Code::backend_refused, "DataActiveRequest");
    refusal.retry = true;
    out.say(refusal);
    expect_failure(true, Code::backend_refused, "as it is said");
    EXPECT_TRUE(result->error().untouched);
    EXPECT_EQ(result->error().out, "01234567");
    EXPECT_TRUE(early->begin_again());
    EXPECT_FALSE(early->has_passed());
    std::string again;
    early->append_to(again);
    EXPECT_EQ(again, "first");
}

TEST_F(AskEndToEndTest, an_out_that_says_something_else_opens_nothing) {
    AskedOut out = begin_meeting();
    ASSERT_TRUE(out.shake());
    out.say(Ping{});
    expect_failure(true, Code::malformed, "not a status of out");
}

TEST_F(AskEndToEndTest, another_key_opens_nothing_and_gets_no_byte_of_the_client) {
    const TlsPsk other(TlsSide::server, {Secret("a key of somebody else")}, "topic");
    AskedOut out = begin_meeting(other);
    EXPECT_FALSE(out.shake());
    expect_failure(true, Code::e2e, "(is the key the same on both sides?)");
    EXPECT_FALSE(early->has_taken());
}

TEST_F(AskEndToEndTest, a_connection_that_is_lost_on_the_way_to_out_is_the_proxys_end) {
    AskedOut out = begin_meeting();
    ASSERT_TRUE(out.shake());
    EXPECT_EQ(out.hear_bytes(5), "first");
    reset(peer->fd());
    expect_failure(true, Code::proxy_gone, "reset by peer");
}

TEST_F(AskEndToEndTest, a_meeting_that_takes_too_long_ends_with_the_deadline) {
    begin_meeting();
    EXPECT_TRUE(becomes([this] { return proxy->tls() != nullptr; }));
    deadline->expires_after(1ms);
    expect_failure(true, Code::e2e, "not done in time");
    EXPECT_TRUE(proxy->has_expired());
}

TEST_F(AskEndToEndTest, a_client_that_resets_before_the_meeting_is_over_ends_it) {
    begin_secret();
    hear_request();
    peer->say(answer());
    reset(client);
    ASSERT_FALSE(is_open());
    EXPECT_TRUE(source->was_reset());
    EXPECT_FALSE(early->has_taken());
}

}  // namespace
}  // namespace inout::ask_test
