// What our messages look like on the wire, and that they survive it.
#include "common/protocol/message.hpp"

#include <gtest/gtest.h>

#include <string>

#include "common/protocol/frame.hpp"

namespace inout {
namespace {

const std::string kMagic(kMagicDigits, 'a');
const std::string kTicket(kTicketDigits, 'b');
const std::string kId(kStreamIdDigits, 'c');

std::string body(const Message& message) { return encode(message).substr(kFrameHeaderBytes); }

/// What a peer would have read; fails the test if it could not.
template <class M>
M sent(const M& message) {
    const auto decoded = decode(body(message));
    const M* result = decoded ? std::get_if<M>(&*decoded) : nullptr;
    EXPECT_NE(result, nullptr) << body(message);
    return result != nullptr ? *result : M{};
}

OutRequest out_request() {
    return {.magic = kMagic,
            .version = "0.0.1",
            .topic = "mysql",
            .ext = true,
            .instance = kTicket,
            .standby = true,
            .heartbeat_timeout = Milliseconds{20'000}};
}

TEST(Message, frame_says_the_length_of_its_body) {
    const std::string frame = encode(Ping{});
    EXPECT_EQ(frame, encode_frame(frame.substr(kFrameHeaderBytes)));
}

TEST(Message, shape_is_the_originals_with_ext_behind_it) {
    EXPECT_EQ(body(OutRequest{.magic = "m", .version = "0.0.1", .topic = "t", .instance = "1f"}),
              R"({"Type":"OutRequest","Payload":{"magic":"m","version":"0.0.1","type":"t",)"
              R"("ext":{"v":1,"instance":"1f","mode":"takeover"}}})");
    EXPECT_EQ(body(OutDataRequest{.magic = "m", .version = "0.0.1", .topic = "t", .ticket = "2f"}),
              R"({"Type":"OutDataRequest","Payload":{"magic":"m","version":"0.0.1","type":"t",)"
              R"("ext":{"v":1,"ticket":"2f"}}})");
    EXPECT_EQ(body(OutDataRequest{.magic = "m", .version = "0.0.1", .topic = "t", .quiet = true}),
              R"({"Type":"OutDataRequest","Payload":{"magic":"m","version":"0.0.1","type":"t",)"
              R"("ext":{"v":1,"quiet":1}}})");
    EXPECT_EQ(body(InRequest{
                  .magic = "m", .version = "0.0.1", .topic = "t", .id = "3f", .client = "[::1]:5"}),
              R"({"Type":"InRequest","Payload":{"magic":"m","version":"0.0.1","type":"t",)"
              R"("ext":{"v":1,"id":"3f","client":"[::1]:5"}}})");
    EXPECT_EQ(body(DataActiveRequest{.magic = "m", .topic = "t", .id = "3f"}),
              R"({"Type":"DataActiveRequest","Payload":{"magic":"m","type":"t",)"
              R"("ext":{"v":1,"id":"3f"}}})");
    EXPECT_EQ(body(Response{.magic = "m", .request = "InRequest"}),
              R"({"Type":"Response","Payload":{"magic":"m","request":"InRequest","message":"",)"
              R"("ext":{"v":1}}})");
    EXPECT_EQ(body(InWarmRequest{.magic = "m", .version = "0.0.1"}),
              R"({"Type":"InWarmRequest","Payload":{"magic":"m","version":"0.0.1",)"
              R"("ext":{"v":1}}})");
    EXPECT_EQ(body(Response{.magic = "m", .request = "InRequest", .warm = Milliseconds{5}}),
              R"({"Type":"Response","Payload":{"magic":"m","request":"InRequest","message":"",)"
              R"("ext":{"v":1,"warm":5}}})");
    EXPECT_EQ(body(Notice{NoticeCode::displaced, "why"}),
              R"({"Type":"Notice","Payload":{"code":"displaced","message":"why"}})");
}

TEST(Message, what_a_plain_peer_gets_is_exactly_the_originals) {
    EXPECT_EQ(body(NewDataRequest{.magic = "m", .topic = "t"}),
              R"({"Type":"NewDataRequest","Payload":{"magic":"m","type":"t"}})");
    EXPECT_EQ(body(Ping{}), R"({"Type":"Ping","Payload":{}})");
    EXPECT_EQ(body(Pong{}), R"({"Type":"Pong","Payload":{}})");
}

TEST(Message, type_is_what_a_response_repeats) {
    EXPECT_EQ(type_name(OutRequest{}), "OutRequest");
    EXPECT_EQ(type_name(DataActiveRequest{}), "DataActiveRequest");
    EXPECT_EQ(type_name(Notice{}), "Notice");
}

TEST(Message, out_request_arrives_as_it_was_sent) {
    const OutRequest got = sent(out_request());
    EXPECT_EQ(got.magic, kMagic);
    EXPECT_EQ(got.version, "0.0.1");
    EXPECT_EQ(got.topic, "mysql");
    EXPECT_TRUE(got.ext);
    EXPECT_EQ(got.instance, kTicket);
    EXPECT_TRUE(got.standby);
    EXPECT_EQ(got.heartbeat_timeout, Milliseconds{20'000});
    EXPECT_FALSE(sent(OutRequest{.topic = "t"}).standby);
}

TEST(Message, out_data_request_arrives_as_it_was_sent) {
    const auto got = sent(
        OutDataRequest{.magic = kMagic, .version = "0.0.1", .topic = "mysql", .ticket = kTicket});
    EXPECT_EQ(got.magic, kMagic);
    EXPECT_EQ(got.version, "0.0.1");
    EXPECT_EQ(got.topic, "mysql");
    EXPECT_TRUE(got.ext);
    EXPECT_EQ(got.ticket, kTicket);
}

TEST(Message, in_request_arrives_as_it_was_sent) {
    const auto got = sent(InRequest{
        .magic = kMagic, .version = "0.0.1", .topic = "mysql", .id = kId, .client = "10.0.0.1:5"});
    EXPECT_EQ(got.magic, kMagic);
    EXPECT_EQ(got.version, "0.0.1");
    EXPECT_EQ(got.topic, "mysql");
    EXPECT_TRUE(got.ext);
    EXPECT_EQ(got.id, kId);
    EXPECT_EQ(got.client, "10.0.0.1:5");
}

TEST(Message, new_data_request_arrives_as_it_was_sent) {
    const auto got = sent(NewDataRequest{.magic = kMagic, .topic = "mysql", .count = 100});
    EXPECT_EQ(got.magic, kMagic);
    EXPECT_EQ(got.topic, "mysql");
    EXPECT_EQ(got.count, 100U);
    EXPECT_EQ(sent(NewDataRequest{.topic = "t"}).count, 1U);
}

TEST(Message, data_active_request_arrives_as_it_was_sent) {
    const auto got = sent(
        DataActiveRequest{.magic = kMagic, .topic = "mysql", .id = kId, .client = "10.0.0.1:5"});
    EXPECT_EQ(got.magic, kMagic);
    EXPECT_EQ(got.topic, "mysql");
    EXPECT_TRUE(got.ext);
    EXPECT_EQ(got.id, kId);
    EXPECT_EQ(got.client, "10.0.0.1:5");
}

TEST(Message, response_arrives_as_it_was_sent) {
    const auto got = sent(Response{.magic = kMagic,
                                   .request = "OutRequest",
                                   .message = "no",
                                   .code = Code::limit,
                                   .proxy = kId,
                                   .ticket = kTicket,
                                   .position = 3});
    EXPECT_EQ(got.magic, kMagic);
    EXPECT_EQ(got.request, "OutRequest");
    EXPECT_EQ(got.message, "no");
    EXPECT_FALSE(got.ok());
    EXPECT_TRUE(got.ext);
    EXPECT_EQ(got.code, Code::limit);
    EXPECT_EQ(got.proxy, kId);
    EXPECT_EQ(got.ticket, kTicket);
    EXPECT_EQ(got.position, 3U);
    EXPECT_TRUE(sent(Response{}).ok());
}

TEST(Message, notice_arrives_as_it_was_sent) {
    for (const auto code : {NoticeCode::displaced, NoticeCode::promoted, NoticeCode::draining}) {
        const auto got = sent(Notice{code, "words"});
        EXPECT_EQ(got.code, code);
        EXPECT_EQ(got.message, "words");
    }
}

/// The worst case for a frame's size: bytes that JSON doubles, wherever a peer or a user chose
/// them.
TEST(Message, longest_messages_still_fit_one_frame_of_a_plain_peer) {
    for (const char escaped : {'"', '\\'}) {
        const std::string topic(kTopicMaxBytes, escaped);
        const std::string magic(64, escaped);
        const std::string client(64, escaped);
        const std::string text(kFrameBodyMaxBytes, escaped);
        const std::string hex(64, 'f');
        const Milliseconds timeout{600'000};
        for (const Message& message : {
                 Message{OutRequest{.magic = magic,
                .version = magic,
                .topic = topic,
                .instance = hex,
                .heartbeat_timeout = timeout}},
                 Message{OutDataRequest{
                     .magic = magic, .version = magic, .topic = topic, .ticket = hex}},
                 Message{InRequest{.magic = magic,
                 .version = magic,
                 .topic = topic,
                 .id = hex,
                 .client = client}},
                 Message{NewDataRequest{.magic = magic, .topic = topic, .count = 100}},
                 Message{DataActiveRequest{
                     .magic = magic, .topic = topic, .id = hex, .client = client}},
                 Message{Response{.magic = magic,
                 .request = magic,
                 .message = text,
                 .code = Code::backend_unresolved,
                 .proxy = hex,
                 .ticket = hex,
                 .position = 16}},
                 Message{Notice{NoticeCode::displaced, text}},
             }) {
            EXPECT_LE(encode(message).size(), kFrameSendMaxBytes) << type_name(message);
            EXPECT_TRUE(decode(body(message))) << body(message);
        }
    }
}

TEST(Message, long_text_is_cut_to_200_bytes_as_json_writes_them) {
    EXPECT_EQ(sent(Response{.message = std::string(1'000, 'x')}).message, std::string(200, 'x'));
    EXPECT_EQ(sent(Response{.message = std::string(1'000, '"')}).message, std::string(100, '"'));
    EXPECT_EQ(sent(Response{.message = std::string(1'000, '\1')}).message, std::string(33, '\1'));
    EXPECT_EQ(sent(Notice{NoticeCode::draining, std::string(1'000, '\n')}).message,
              std::string(33, '\n'));
}

TEST(Message, long_text_is_cut_between_characters) {
    for (const std::string character : {"é", "€", "👩"}) {
        for (const std::size_t before : {0U, 1U, 2U, 3U}) {
            std::string text(before, 'x');
            while (text.size() < 300) text += character;
            const std::string got = sent(Response{.message = text}).message;
            EXPECT_EQ(got, text.substr(0, got.size()));
            EXPECT_EQ((got.size() - before) % character.size(), 0U) << got;
            EXPECT_GT(got.size() + character.size(), 200U);
        }
    }
}

TEST(Message, text_that_is_not_utf8_is_mended_and_stays_a_failure) {
    EXPECT_EQ(sent(Response{.message = "caf\xe9"}).message, "caf\uFFFD");
    EXPECT_FALSE(sent(Response{.message = std::string(1'000, '\x80')}).ok());
    EXPECT_LE(encode(Response{.message = std::string(1'000, '\xff')}).size(), kFrameSendMaxBytes);
}

}  // namespace
}  // namespace inout
