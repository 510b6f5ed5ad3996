// The limits of our messages. Their bytes are in golden_frames.hpp.
#include "common/wire/message.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <string>

#include "common/wire/frame.hpp"

namespace inout::message_test {
namespace {

std::string body(const Message& message) { return encode(message).substr(kFrameHeaderBytes); }

/// Names of outs, as InRequest::tried has them.
std::string listed(std::initializer_list<std::string> names, char between = ',') {
    std::string text;
    for (const std::string& name : names) {
        if (&name != names.begin()) text += between;
        text += name;
    }
    return text;
}

/// What a peer would have read; fails the test if it could not.
template <class M>
M sent(const M& message) {
    const auto decoded = decode(body(message));
    const M* result = decoded ? std::get_if<M>(&*decoded) : nullptr;
    EXPECT_NE(result, nullptr) << body(message);
    return result != nullptr ? *result : M{};
}

TEST(Message, type_is_what_a_response_repeats) {
    EXPECT_EQ(type_name(OutRequest{}), "OutRequest");
    EXPECT_EQ(type_name(DataActiveRequest{}), "DataActiveRequest");
    EXPECT_EQ(type_name(Notice{}), "Notice");
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
        const std::string name(kOutNameDigits, 'f');
        const std::string tried = listed({name, name, name, name});
        const std::string source = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
        const Milliseconds timeout{600'000};
        const std::int64_t latest = std::int64_t{1} << 53;
        const Proof proof{std::string(kKeyIdMaxBytes, 'k'), latest, hex, hex};
        Response to_in{.magic = magic,
                       .request = magic,
                       .message = text,
                       .code = Code::backend_unresolved,
                       .warm = timeout,
                       .identity = std::string(kIdentityMaxBytes, '"'),
                       .time_ms = latest,
                       .reuse = true,
                       .nonce = hex,
                       .retry = true,
                       .zstd = true,
                       .out = name,
                       .probe = true,
                       .took = kProbeTookMax,
                       .elsewhere = true};
        // With all that an out is told, which no in is, and but for what no out is told.
        Response to_out = to_in;
        to_in.lists = std::string(kListsDigits, 'f');
        to_out.proxy = to_out.ticket = hex;
        to_out.position = 16;
        to_out.quiet = to_out.share = to_out.pattern = to_out.source = true;
        for (const Message& message : {
                 Message{OutRequest{.magic = own_magic,
                .version = version,
                .topic = topic,
                .instance = hex,
                .heartbeat_timeout = timeout,
                .bound = true,
                .share = true,
                .weight = kWeightMax,
                .pattern = true,
                .source = true,
                .probe = true,
                .proof = proof}},
                 Message{OutDataRequest{.magic = own_magic,
                 .version = version,
                 .topic = topic,
                 .ticket = hex,
                 .mac = hex,
                 .quiet = true,
                 .reuse = true,
                 .hop = true,
                 .bind = hex,
                 .origin = std::string(kOriginMaxBytes, 'i'),
                 .proof = Proof{proof.key, proof.time_ms, hex, {}}}},
                 Message{InRequest{.magic = own_magic,
                 .version = version,
                 .topic = topic,
                 .id = hex,
                 .client = client,
                 .zstd = kEarlyAnnouncedMax,
                 .early = kEarlyAnnouncedMax,
                 .tried = tried,
                 .proof = proof}},
                 Message{InRequest{.magic = own_magic,
                 .version = version,
                 .topic = topic,
                 .id = hex,
                 .client = client,
                 .zstd = kEarlyAnnouncedMax,
                 .use = kConnectionUsesMax,
                 .tried = tried,
                 .proof = proof}},
                 Message{InRequest{.magic = own_magic,
                 .version = std::string(kVersion),
                 .topic = topic,
                 .id = hex,
                 .client = std::string(client.size(), 'c'),  // an address
                                   .zstd = kEarlyAnnouncedMax,
                 .use = kConnectionUsesMax,
                 .tried = tried,
                 .hop = true,
                 .origin = std::string(kOriginMaxBytes, 'k'),
                 .source = source,
                 .proof = Proof{std::string(kKeyIdMaxBytes, 'k'), latest, hex, {}}}},
                 Message{InWarmRequest{.magic = own_magic,
                 .version = version,
                 .reuse = true,
                 .hop = true,
                 .probe = true,
                 .proof = proof}},
                 Message{ProbeRequest{.magic = own_magic,
                 .topic = topic,
                 .serves = true,
                 .pattern = true,
                 .origin = std::string(kOriginMaxBytes, 'k')}},
                 Message{
                     NewDataRequest{.magic = magic, .topic = topic, .count = 100, .waiting = true}},
                 Message{DataActiveRequest{.magic = magic,
                 .topic = topic,
                 .id = hex,
                 .client = client,
                 .zstd = kEarlyAnnouncedMax,
                 .use = kConnectionUsesMax,
                 .source = source}},
                 Message{to_out},
                 Message{to_in},
                 Message{Notice{NoticeCode::displaced, text}},
             }) {
            EXPECT_LE(encode(message).size(), kFrameSendMaxBytes) << type_name(message);
            EXPECT_TRUE(decode(body(message))) << body(message);
        }
    }
}

TEST(Message, outs_that_are_left_out_are_at_most_four_names_with_commas) {
    const std::string name = "01234567";
    const auto without = [](const std::string& names) {
        return decode(body(InRequest{.magic = "1", .topic = "t", .ext = true, .tried = names}));
    };
    const std::string four = listed({name, name, name, name});
    for (const auto& fine : {std::string(), name, listed({name, name}), four}) {
        const auto request = without(fine);
        ASSERT_TRUE(request) << fine;
        EXPECT_EQ(std::get<InRequest>(*request).tried, fine);
    }
    for (const auto& bad :
         {listed({four, name}), listed({name, ""}), listed({"", name}), name + name,
          listed({name, name}, ';'), std::string(","), listed({name, name.substr(1)}),
          name.substr(1), name + "0", "g" + name.substr(1)}) {
        EXPECT_FALSE(without(bad)) << bad;
    }
    const auto from = [](const std::string& out) {
        return decode(
            body(Response{.magic = "1", .request = "InRequest", .ext = true, .out = out}));
    };
    EXPECT_TRUE(from(name));
    for (const auto& bad : {four, name + "0", name.substr(1), std::string("office!!")}) {
        EXPECT_FALSE(from(bad)) << bad;
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
}  // namespace inout::message_test
