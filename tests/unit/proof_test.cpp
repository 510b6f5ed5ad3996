// A proof is good for one secret, one message, one time and one connection; docs/protocol.md,
// "Identity", prints the pinned example.
#include "common/protocol/proof.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "common/protocol/frame.hpp"

namespace inout {
namespace {

const Secret kSecret("correct horse battery staple");
constexpr std::int64_t kNow = 1'767'225'600'000;  // 2026-01-01 00:00:00 UTC
const std::string kExporter(32, 'e');

OutRequest out_request() {
    return {.magic = "0123456789abcdef0123456789abcdef",
            .version = "0.0.1",
            .topic = "mysql",
            .ext = true,
            .instance = "fedcba9876543210fedcba9876543210"};
}
InRequest in_request() {
    return {.magic = "0123456789abcdef0123456789abcdef", .version = "0.0.1", .topic = "mysql"};
}

Message proven(Message message, std::string_view exporter = kExporter) {
    prove(message, "office", kSecret, kNow, exporter);
    return message;
}
ProofVerdict verdict(const Message& message, std::int64_t now = kNow) {
    return check_proof(message, kSecret, now, kExporter);
}
std::string hex(const Message& message, std::string_view key_id = "office",
                std::string_view exporter = {}) {
    return to_hex(bytes_of(proof_mac(kSecret, key_id, message, kNow, exporter)));
}
Proof& proof(Message& message) { return const_cast<Proof&>(*proof_of(message)); }

TEST(Proof, example_of_the_documentation) {
    EXPECT_EQ(hex(out_request()),
              "0bf6501ed8078eb48e0828b01aa4d85fd56020f9d2152c4fd15106a412f7f0a1");
    EXPECT_EQ(hex(out_request(), "office", std::string(32, '\x5a')),
              "b1df3346514a3e8c80c9f8d7d5a6819099060ea8c7389fd3c57fb6ab69133b91");
}

TEST(Proof, covers_each_field_behind_its_length) {
    const auto field = [](const std::string& text) {
        return std::string(3, '\0') + static_cast<char>(text.size()) + text;
    };
    const OutRequest request = out_request();
    const std::string bytes = "inout proof 1" + field("office") + field("OutRequest") +
                              field(request.topic) + field(request.magic) + field("1767225600000") +
                              field("takeover") + field(request.instance) + field("") +
                              field(kExporter);
    EXPECT_EQ(proof_mac(kSecret, "office", request, kNow, kExporter),
              hmac_sha256(kSecret.bytes(), bytes));
}

TEST(Proof, is_good_for_every_message_that_can_have_one_and_survives_the_wire) {
    OutRequest standby = out_request();
    standby.standby = true;
    for (const Message& message : {Message(out_request()), Message(standby), Message(in_request()),
                                   Message(InWarmRequest{.magic = "m", .version = "0.0.1"})}) {
        const std::string frame = encode(proven(message));
        const auto received = decode(std::string_view(frame).substr(kFrameHeaderBytes));
        ASSERT_TRUE(received) << frame;
        ASSERT_NE(proof_of(*received), nullptr) << frame;
        EXPECT_EQ(proof_of(*received)->key, "office");
        EXPECT_EQ(verdict(*received), ProofVerdict::good) << frame;
    }
}

TEST(Proof, is_wrong_where_there_is_none) {
    EXPECT_EQ(proof_of(in_request()), nullptr);
    EXPECT_EQ(verdict(in_request()), ProofVerdict::wrong);
    for (const Message& message :
         {Message(OutDataRequest{}), Message(Response{}), Message(Ping{})}) {
        EXPECT_EQ(proof_of(proven(message)), nullptr) << type_name(message);
        EXPECT_EQ(verdict(proven(message)), ProofVerdict::wrong) << type_name(message);
    }
}

TEST(Proof, is_wrong_with_another_secret_or_on_another_connection) {
    const Message message = proven(out_request());
    EXPECT_EQ(check_proof(message, Secret("another secret!!"), kNow, kExporter),
              ProofVerdict::wrong);
    EXPECT_EQ(check_proof(message, Secret(), kNow, kExporter), ProofVerdict::wrong);
    EXPECT_EQ(check_proof(message, kSecret, kNow, std::string(32, 'f')), ProofVerdict::wrong);
    EXPECT_EQ(check_proof(message, kSecret, kNow, {}), ProofVerdict::wrong) << "relayed to plain";
    EXPECT_EQ(verdict(proven(out_request(), {})), ProofVerdict::wrong) << "relayed from plain";
}

TEST(Proof, is_wrong_when_anything_that_it_covers_is_changed) {
    const std::vector<std::function<void(OutRequest&)>> changes = {
        [](auto& m) { m.topic = "mysqk"; },
        [](auto& m) { m.magic[0] = '1'; },
        [](auto& m) { m.standby = true; },
        [](auto& m) { m.instance[31] = '1'; },
        [](auto& m) { m.instance.clear(); },
        [](auto& m) { m.proof->key = "officf"; },
        [](auto& m) { ++m.proof->time_ms; },
        [](auto& m) { m.proof->mac[63] = m.proof->mac[63] == '0' ? '1' : '0'; },
        [](auto& m) { m.proof->mac.resize(62); },
        [](auto& m) { m.proof->mac.clear(); },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        Message message = proven(out_request());
        changes[i](std::get<OutRequest>(message));
        EXPECT_EQ(verdict(message), ProofVerdict::wrong) << "change " << i;
    }
}

TEST(Proof, of_one_message_is_not_one_of_another_type) {
    InRequest in = in_request();
    Message spare = InWarmRequest{.magic = in.magic, .version = in.version};
    in.topic.clear();
    const Message proven_in = proven(in);
    std::get<InWarmRequest>(spare).proof = *proof_of(proven_in);
    EXPECT_EQ(verdict(proven_in), ProofVerdict::good);
    EXPECT_EQ(verdict(spare), ProofVerdict::wrong);
}

TEST(Proof, changes_when_a_byte_moves_to_the_field_beside) {
    // Without lengths all of these would be one text.
    const auto request = [](std::string topic, std::string magic, std::string instance) {
        return Message(OutRequest{.magic = std::move(magic),
                                  .version = "0.0.1",
                                  .topic = std::move(topic),
                                  .instance = std::move(instance)});
    };
    const std::set<std::string> macs = {
        hex(request("ab", "cd", "ef"), "k", "x"), hex(request("abc", "d", "ef"), "k", "x"),
        hex(request("a", "bcd", "ef"), "k", "x"), hex(request("abcd", "", "ef"), "k", "x"),
        hex(request("ab", "cd", "efx"), "k", ""), hex(request("ab", "cd", "e"), "k", "fx"),
        hex(request("ab", "cd", ""), "k", "efx"),
    };
    EXPECT_EQ(macs.size(), 7U);
}

TEST(Proof, is_early_or_late_from_60_seconds_on_and_only_if_it_is_right) {
    const Message message = proven(in_request());
    for (const int off : {-59'999, -1, 0, 1, 59'999}) {
        EXPECT_EQ(verdict(message, kNow + off), ProofVerdict::good) << off;
    }
    for (const std::int64_t off : {-60'000L, 60'000L, -kNow, kNow}) {
        EXPECT_EQ(verdict(message, kNow + off), ProofVerdict::early_or_late) << off;
    }
    Message changed = message;
    std::get<InRequest>(changed).topic = "other";
    EXPECT_EQ(verdict(changed, kNow + 60'000), ProofVerdict::wrong);
}

TEST(Proof, may_say_any_time) {
    for (const auto time : {std::numeric_limits<std::int64_t>::min(),
                            std::numeric_limits<std::int64_t>::max(), std::int64_t{0}}) {
        Message message = in_request();
        prove(message, "office", kSecret, time, kExporter);
        EXPECT_EQ(proof(message).time_ms, time);
        EXPECT_EQ(verdict(message), ProofVerdict::early_or_late) << time;
    }
}

}  // namespace
}  // namespace inout
