// The layer of WebSocket between two ends of a wire that is only memory.
#include "common/net/websocket_layer.hpp"

#include <gtest/gtest.h>

#include <random>

#include "memory_wire.hpp"

namespace inout::websocket_layer_test {
namespace {

using Role = WebSocketRole;

struct Pair {
    Pair() { client_end.connect(server_end); }

    MemoryEnd client_end, server_end;
    WebSocketLayer client{client_end, Role::client}, server{server_end, Role::server};
};

/// What one read says.
std::string said_by(ByteLayer& layer, std::size_t size = 65'536) {
    std::string into(size, '\0');
    const ssize_t n = layer.read(into);
    if (n > 0) return into.substr(0, static_cast<std::size_t>(n));
    if (n == 0) return "end";
    return errno == EAGAIN ? "nothing" : errno == ECONNRESET ? "reset" : "broken";
}

std::string frame_of_server(unsigned first, std::string_view content) {
    std::string bytes(
        websocket_header(WebSocketOpcode::binary, content.size(), std::nullopt).view());
    bytes[0] = static_cast<char>(first);
    return bytes.append(content);
}

}  // namespace

TEST(WebSocketLayer, CarriesBytesBothWays) {
    Pair pair;
    EXPECT_EQ(said_by(pair.server), "nothing");
    EXPECT_EQ(pair.client.write("question"), 8);
    EXPECT_EQ(pair.client_end.sent().find("question"), std::string::npos);  // masked
    EXPECT_EQ(said_by(pair.server), "question");
    EXPECT_EQ(pair.server.write("answer"), 6);
    EXPECT_EQ(pair.server_end.sent().substr(2), "answer");
    EXPECT_EQ(said_by(pair.client, 3), "a");  // a header is among them
    EXPECT_FALSE(pair.client.is_drained());
    EXPECT_EQ(said_by(pair.client), "nswer");
    EXPECT_TRUE(pair.client.is_drained());
    EXPECT_FALSE(pair.client.can_splice());
    EXPECT_FALSE(pair.client.take_raw(1'000'000));
    EXPECT_GT(pair.client.record_overhead(), pair.server.record_overhead());
}

TEST(WebSocketLayer, AFullSocketGetsTheSameFrameLater) {
    for (const bool records : {false, true}) {
        Pair pair;
        const std::string data(40'000, 'x');
        pair.client_end.has_records = records;
        pair.client_end.room = records ? 0 : 1'000;
        EXPECT_EQ(pair.client.write(data), -1);
        EXPECT_EQ(errno, EAGAIN);
        EXPECT_EQ(pair.client.write(data), -1);
        pair.client_end.room = MemoryEnd::kNoLimit;
        const ssize_t n = pair.client.write(data);
        EXPECT_EQ(n, static_cast<ssize_t>(kWebSocketDataMaxBytes));
        EXPECT_EQ(said_by(pair.server), data.substr(0, static_cast<std::size_t>(n)));
        EXPECT_FALSE(pair.client_end.got_other_bytes());
    }
}

TEST(WebSocketLayer, EachDirectionEndsByItself) {
    Pair pair;
    EXPECT_EQ(pair.client.shut_send(), 0);
    EXPECT_EQ(pair.client_end.shuts, 0);  // a front would end both
    EXPECT_EQ(said_by(pair.server), "end");
    EXPECT_EQ(said_by(pair.server), "end");
    EXPECT_FALSE(pair.server.is_quiet());
    EXPECT_EQ(pair.client.write("x"), -1);
    EXPECT_EQ(errno, EPIPE);
    EXPECT_EQ(pair.server.write("goes on"), 7);
    EXPECT_EQ(said_by(pair.client), "goes on");
    EXPECT_EQ(pair.server.shut_send(), 0);
    EXPECT_EQ(pair.server_end.shuts, 1);  // both have said it
    EXPECT_EQ(said_by(pair.client), "end");
    EXPECT_EQ(pair.client_end.shuts, 1);
}

TEST(WebSocketLayer, AnEndWithoutACloseFrameIsAReset) {
    Pair pair;
    EXPECT_EQ(pair.client.write("x"), 1);
    pair.client_end.shut_send();
    EXPECT_EQ(said_by(pair.server), "x");
    EXPECT_EQ(said_by(pair.server), "reset");
    EXPECT_EQ(said_by(pair.server), "reset");
    EXPECT_EQ(pair.server.last_error(), std::error_code(ECONNRESET, std::system_category()));
}

TEST(WebSocketLayer, PingsAreAnsweredAndAreNoInput) {
    Pair pair;
    pair.client_end.arrived = frame_of_server(0x89, "one") + frame_of_server(0x89, "two");
    EXPECT_TRUE(pair.client.is_quiet());
    EXPECT_TRUE(pair.client.is_drained());
    EXPECT_EQ(pair.client.take_work(), 2U);
    EXPECT_TRUE(pair.server.is_quiet());  // two Pongs
    EXPECT_EQ(pair.server.take_work(), 2U);
    EXPECT_EQ(pair.client_end.sent().size(), 2 * (2 + 4 + 3U));
    pair.client_end.arrived = frame_of_server(0x89, "") + frame_of_server(0x82, "content");
    EXPECT_FALSE(pair.client.is_quiet());
    EXPECT_FALSE(pair.client.is_drained());
    EXPECT_FALSE(pair.client.is_quiet());
    EXPECT_EQ(said_by(pair.client), "content");
}

TEST(WebSocketLayer, PingsWithoutEndOfWhoReadsNothingMakeNoHeapAndFewWrites) {
    Pair pair;
    std::string pings;
    for (int i = 0; i < 2'000; ++i) pings += frame_of_server(0x89, "");
    pair.client_end.arrived = pings;
    EXPECT_EQ(said_by(pair.client), "nothing");
    EXPECT_EQ(pair.client_end.writes.size(), 1U);
    // From here on nothing is read.
    pair.client_end.room = 0;
    for (int i = 0; i < 1'000; ++i) {
        pair.client_end.arrived = pings;
        EXPECT_EQ(said_by(pair.client), "nothing");
    }
    const std::size_t sent = pair.client_end.sent().size();
    pair.client_end.room = MemoryEnd::kNoLimit;
    EXPECT_EQ(pair.client.write("data"), 4);
    EXPECT_LT(pair.client_end.sent().size() - sent,
              kWebSocketDataMaxBytes + 4 * kWebSocketPingsMaxBytes);
}

TEST(WebSocketLayer, APongNeverComesIntoAFrame) {
    Pair pair;
    pair.client_end.room = 100;
    const std::string data(1'000, 'x');
    EXPECT_EQ(pair.client.write(data), -1);
    pair.client_end.arrived = frame_of_server(0x89, "ping");
    EXPECT_EQ(said_by(pair.client), "nothing");
    pair.client_end.room = MemoryEnd::kNoLimit;
    EXPECT_EQ(pair.client.write(data), 1'000);
    EXPECT_EQ(said_by(pair.server), data);
    EXPECT_TRUE(pair.server.is_quiet());
    EXPECT_EQ(pair.server.take_work(), 2U);
}

TEST(WebSocketLayer, WhoBreaksTheRulesIsToldWhy) {
    Pair pair;
    pair.client_end.arrived = frame_of_server(0x81, "text");
    EXPECT_EQ(said_by(pair.client), "broken");
    EXPECT_EQ(said_by(pair.client), "broken");
    EXPECT_EQ(pair.client.last_error().category(), websocket_category());
    EXPECT_NE(pair.client.failure().find("text"), std::string::npos);
    EXPECT_EQ(said_by(pair.server), "end");
}

TEST(WebSocketLayer, FramesWithoutContentDoNotKeepItBusyForEver) {
    Pair pair;
    for (unsigned i = 0; i <= kWebSocketIdleFramesMax; ++i) {
        pair.client_end.arrived += frame_of_server(0x82, "");
    }
    EXPECT_EQ(said_by(pair.client, 4'096), "broken");
    EXPECT_NE(pair.client.failure().find("without content"), std::string::npos);
}

TEST(WebSocketLayer, AnyTrafficComesThrough) {
    std::mt19937 random(7);
    for (int round = 0; round < 50; ++round) {
        Pair pair;
        pair.client_end.at_once = 1 + random() % 40'000;
        pair.server_end.at_once = 1 + random() % 40'000;
        std::string sent(random() % 200'000, '\0'), got;
        for (char& c : sent) c = static_cast<char>(random());
        std::string_view left = sent;
        while (got.size() < sent.size()) {
            pair.client_end.room = random() % 30'000;
            if (const ssize_t n = left.empty() ? 0 : pair.client.write(left); n > 0) {
                left.remove_prefix(static_cast<std::size_t>(n));
            }
            std::string piece;
            while ((piece = said_by(pair.server, 1 + random() % 20'000)) != "nothing") got += piece;
        }
        ASSERT_EQ(got, sent);
    }
}

}  // namespace inout::websocket_layer_test
