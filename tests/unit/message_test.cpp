// What our messages look like on the wire, and that they survive it.
#include "common/protocol/message.hpp"

#include <gtest/gtest.h>

#include <cstdint>
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

const Proof kProof{"office", 1'767'225'600'000, std::string(kProofDigits, 'd'),
                   std::string(kProofDigits, '1')};

void expect_proof(const std::optional<Proof>& got) {
    ASSERT_TRUE(got);
    EXPECT_EQ(got->key, kProof.key);
    EXPECT_EQ(got->time_ms, kProof.time_ms);
    EXPECT_EQ(got->mac, kProof.mac);
    EXPECT_EQ(got->mac_1, kProof.mac_1);
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

TEST(Message, proof_and_end_to_end_stand_last_in_ext) {
    const Proof proof{"k", 7, "ab", "cd"};
    const std::string end = R"("key":"k","time":7,"proof":"cd","proof2":"ab"}}})";
    EXPECT_EQ(
        body(OutRequest{
            .magic = "m", .version = "0.0.1", .topic = "t", .instance = "1f", .proof = proof}),
        R"({"Type":"OutRequest","Payload":{"magic":"m","version":"0.0.1","type":"t",)"
        R"("ext":{"v":1,"instance":"1f","mode":"takeover",)" +
            end);
    EXPECT_EQ(body(InRequest{.magic = "m",
                             .version = "0.0.1",
                             .topic = "t",
                             .id = "3f",
                             .e2e = true,
                             .proof = proof}),
              R"({"Type":"InRequest","Payload":{"magic":"m","version":"0.0.1","type":"t",)"
              R"("ext":{"v":1,"id":"3f","e2e":1,)" +
                  end);
    EXPECT_EQ(body(InWarmRequest{.magic = "m", .version = "0.0.1", .proof = proof}),
              R"({"Type":"InWarmRequest","Payload":{"magic":"m","version":"0.0.1",)"
              R"("ext":{"v":1,)" +
                  end);
    EXPECT_EQ(body(DataActiveRequest{.magic = "m", .topic = "t", .id = "3f", .e2e = true}),
              R"({"Type":"DataActiveRequest","Payload":{"magic":"m","type":"t",)"
              R"("ext":{"v":1,"id":"3f","e2e":1}}})");
    EXPECT_EQ(body(Response{.magic = "m",
                            .request = "InRequest",
                            .message = "no",
                            .code = Code::clock,
                            .time_ms = 8}),
              R"({"Type":"Response","Payload":{"magic":"m","request":"InRequest","message":"no",)"
              R"("ext":{"v":1,"code":"clock","time":8}}})");
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

TEST(Message, proofs_and_end_to_end_arrive_as_they_were_sent) {
    OutRequest out = out_request();
    EXPECT_FALSE(sent(out).proof);
    out.proof = kProof;
    expect_proof(sent(out).proof);
    InRequest in{.topic = "t", .e2e = true, .proof = kProof};
    expect_proof(sent(in).proof);
    EXPECT_TRUE(sent(in).e2e);
    EXPECT_FALSE(sent(InRequest{.topic = "t"}).e2e);
    EXPECT_FALSE(sent(InRequest{.topic = "t"}).proof);
    expect_proof(sent(InWarmRequest{.proof = kProof}).proof);
    EXPECT_FALSE(sent(InWarmRequest{}).proof);
    EXPECT_TRUE(sent(DataActiveRequest{.topic = "t", .e2e = true}).e2e);
    EXPECT_FALSE(sent(DataActiveRequest{.topic = "t"}).e2e);
    const Response clock{.message = "no", .code = Code::clock, .time_ms = kProof.time_ms};
    EXPECT_EQ(sent(clock).time_ms, kProof.time_ms);
    EXPECT_EQ(sent(clock).code, Code::clock);
    EXPECT_EQ(sent(Response{}).time_ms, std::nullopt);
}

TEST(Message, new_data_request_arrives_as_it_was_sent) {
    const auto got = sent(NewDataRequest{.magic = kMagic, .topic = "mysql", .count = 100});
    EXPECT_EQ(got.magic, kMagic);
    EXPECT_EQ(got.topic, "mysql");
    EXPECT_EQ(got.count, 100U);
    EXPECT_EQ(sent(NewDataRequest{.topic = "t"}).count, 1U);
    EXPECT_FALSE(got.waiting);
    EXPECT_TRUE(sent(NewDataRequest{.topic = "t", .waiting = true}).waiting);
    EXPECT_EQ(
        sent(Response{.magic = kMagic, .request = "OutRequest", .ext = true, .identity = "key a"})
            .identity,
        "key a");
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
        const std::string magic(64, escaped);  // a peer's, which answers repeat
        const std::string own_magic(kMagicDigits, 'f');
        const std::string client(64, escaped);
        const std::string version(16, escaped);
        const std::string text(kFrameBodyMaxBytes, escaped);
        const std::string hex(64, 'f');
        const Milliseconds timeout{600'000};
        const std::int64_t latest = std::int64_t{1} << 53;
        const Proof proof{std::string(kKeyIdMaxBytes, 'k'), latest, hex, hex};
        for (const Message& message : {
                 Message{OutRequest{.magic = own_magic,
                .version = version,
                .topic = topic,
                .instance = hex,
                .heartbeat_timeout = timeout,
                .proof = proof}},
                 Message{OutDataRequest{
                     .magic = own_magic, .version = version, .topic = topic, .ticket = hex}},
                 Message{InRequest{.magic = own_magic,
                 .version = version,
                 .topic = topic,
                 .id = hex,
                 .client = client,
                 .e2e = true,
                 .proof = proof}},
                 Message{InWarmRequest{.magic = own_magic, .version = version, .proof = proof}},
                 Message{
                     NewDataRequest{.magic = magic, .topic = topic, .count = 100, .waiting = true}},
                 Message{DataActiveRequest{
                     .magic = magic, .topic = topic, .id = hex, .client = client, .e2e = true}},
                 Message{Response{.magic = magic,
                 .request = magic,
                 .message = text,
                 .code = Code::backend_unresolved,
                 .proxy = hex,
                 .ticket = hex,
                 .position = 16,
                 .quiet = true,
                 .warm = timeout,
                 .identity = std::string(kIdentityMaxBytes, '"'),
                 .time_ms = latest}},
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
