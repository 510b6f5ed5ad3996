// A proof is good for one secret, one message, one time and one connection; docs/protocol.md,
// "Identity", prints the pinned example.
#include "common/wire/proof.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "common/wire/frame.hpp"

namespace inout::proof_test {
namespace {

const Secret kSecret("correct horse battery staple");
constexpr std::int64_t kNow = 1'767'225'600'000;  // 2026-01-01 00:00:00 UTC
const ProofChannel kPlain{};
const ProofChannel kTls{true, std::string(32, 'e')};

OutRequest an_out_request() {
    return {.magic = "0123456789abcdef0123456789abcdef",
            .version = "0.0.1",
            .topic = "mysql",
            .ext = true,
            .instance = "fedcba9876543210fedcba9876543210"};
}
InRequest in_request() {
    return {.magic = "0123456789abcdef0123456789abcdef", .version = "0.0.1", .topic = "mysql"};
}

Message proven(Message message, const ProofChannel& channel = kTls) {
    prove(message, "office", kSecret, kNow, channel);
    return message;
}
Proof& proof(Message& message) { return const_cast<Proof&>(*proof_of(message)); }
/// What a program of our last release sends.
Message proven_as_v1(Message message, const ProofChannel& channel = kTls) {
    prove(message, "office", kSecret, kNow, channel);
    proof(message).mac.clear();
    return message;
}
ProofVerdict verdict(const Message& message, std::int64_t now = kNow) {
    return check_proof(message, kSecret, now, kTls);
}
std::string hex(const Message& message, std::string_view key_id = "office",
                const ProofChannel& channel = kPlain, ProofVersion version = ProofVersion::v2) {
    return to_hex(bytes_of(proof_mac(version, kSecret, key_id, message, kNow, channel)));
}

TEST(Proof, examples_of_the_documentation) {
    const ProofChannel tls{true, std::string(32, '\x5a')};
    EXPECT_EQ(hex(an_out_request(), "office", kPlain, ProofVersion::v1),
              "0bf6501ed8078eb48e0828b01aa4d85fd56020f9d2152c4fd15106a412f7f0a1");
    EXPECT_EQ(hex(an_out_request(), "office", tls, ProofVersion::v1),
              "b1df3346514a3e8c80c9f8d7d5a6819099060ea8c7389fd3c57fb6ab69133b91");
    OutRequest request = an_out_request();
    request.heartbeat_timeout = Milliseconds{20'000};
    EXPECT_EQ(hex(request, "office", kPlain),
              "f5ea1a768868564d66f63968ea03550946fe3265a7deed00bc697ce2c0321a55");
    EXPECT_EQ(hex(request, "office", tls),
              "d0ff8c250d4dbe603ff5fa355e025218e9e3f7a13b75126f70fe18974b12ef5f");
}

std::string field(const std::string& text) {
    return std::string(3, '\0') + static_cast<char>(text.size()) + text;
}

TEST(Proof, of_version_1_covers_each_field_behind_its_length) {
    const OutRequest request = an_out_request();
    const std::string bytes = "inout proof 1" + field("office") + field("OutRequest") +
                              field(request.topic) + field(request.magic) + field("1767225600000") +
                              field("takeover") + field(request.instance) + field("") +
                              field(kTls.exporter);
    EXPECT_EQ(proof_mac(ProofVersion::v1, kSecret, "office", request, kNow, kTls),
              hmac_sha256(kSecret.bytes(), bytes));
}

TEST(Proof, covers_each_field_behind_its_length) {
    InRequest request = in_request();
    request.id = "0123456789abcdef";
    request.client = "192.0.2.1:1234";
    request.e2e = true;
    const std::string bytes = "inout proof 2" + field("tls") + field(kTls.exporter) +
                              field("office") + field("1767225600000") + field("InRequest") +
                              field("0.0.1") + field(request.topic) + field(request.magic) +
                              field("") + field("") + field("") + field(request.id) +
                              field(request.client) + field("1");
    EXPECT_EQ(proof_mac(ProofVersion::v2, kSecret, "office", request, kNow, kTls),
              hmac_sha256(kSecret.bytes(), bytes));
}

TEST(Proof, of_an_out_request_covers_mode_instance_and_heartbeat_as_the_wire_has_them) {
    OutRequest request = an_out_request();
    request.heartbeat_timeout = Milliseconds{86'400'000};  // which is clamped on its way
    std::string bytes = "inout proof 2" + field("plain") + field("") + field("office") +
                        field("1767225600000") + field("OutRequest") + field("0.0.1") +
                        field(request.topic) + field(request.magic) + field("takeover") +
                        field(request.instance) + field("600000") + field("") + field("") +
                        field("");
    EXPECT_EQ(proof_mac(ProofVersion::v2, kSecret, "office", request, kNow, kPlain),
              hmac_sha256(kSecret.bytes(), bytes));
    request.bound = true;
    bytes += field("1");
    EXPECT_EQ(proof_mac(ProofVersion::v2, kSecret, "office", request, kNow, kPlain),
              hmac_sha256(kSecret.bytes(), bytes));
    request.share = request.pattern = true;
    request.weight = 3;
    bytes += field("share") + field("weight 3") + field("pattern");
    EXPECT_EQ(proof_mac(ProofVersion::v2, kSecret, "office", request, kNow, kPlain),
              hmac_sha256(kSecret.bytes(), bytes));
}

TEST(Proof, covers_how_an_out_stands_in_line_and_for_which_topics) {
    for (bool OutRequest::*flag : {&OutRequest::share, &OutRequest::pattern}) {
        Message changed = proven(an_out_request());
        std::get<OutRequest>(changed).*flag = true;
        EXPECT_EQ(verdict(changed), ProofVerdict::wrong);
    }
}

const std::string kNonce = "89abcdef0123456789abcdef01234567";
/// Of a connection that carries one stream after another.
const ProofChannel kCountedPlain{.nonce = kNonce};
const ProofChannel kCountedTls{true, std::string(32, 'e'), kNonce};

InRequest counted_request(unsigned use = 2) {
    InRequest request = in_request();
    request.id = "0011223344556677";
    request.client = "192.0.2.1:45126";
    request.use = use;
    return request;
}

TEST(CountedProof, example_of_the_documentation) {
    EXPECT_EQ(hex(counted_request(), "office", kCountedPlain),
              "5d7546f3dffbb50400d889fe538b89db57bd3f39a79c9c886accc3599e42103f");
    EXPECT_EQ(hex(counted_request(), "office", {true, std::string(32, '\x5a'), kNonce}),
              "4c5bc8fafafc7aa650c1bcc7888d7fa14df2bda4f14a07efbcf54a692c79f226");
}

TEST(CountedProof, covers_nonce_and_number_behind_what_others_cover) {
    const InRequest request = counted_request(10'000);
    const std::string bytes = "inout proof 2" + field("tls") + field(kTls.exporter) +
                              field("office") + field("1767225600000") + field("InRequest") +
                              field("0.0.1") + field(request.topic) + field(request.magic) +
                              field("") + field("") + field("") + field(request.id) +
                              field(request.client) + field("") + field(kNonce) + field("10000");
    EXPECT_EQ(proof_mac(ProofVersion::v2, kSecret, "office", request, kNow, kCountedTls),
              hmac_sha256(kSecret.bytes(), bytes));
    EXPECT_EQ(hex(counted_request(0), "office", kCountedPlain),
              hex(counted_request(0), "office", kPlain))
        << "others do not cover a nonce";
}

TEST(CountedProof, is_of_version_2_and_good_for_its_connection_and_number_only) {
    EXPECT_TRUE(is_counted(counted_request(1)));
    EXPECT_FALSE(is_counted(counted_request(0)));
    EXPECT_FALSE(is_counted(DataActiveRequest{.use = 1}));
    const ProofChannel others[] = {
        {.nonce = "99abcdef0123456789abcdef01234567"}, {.nonce = kNonce + '0'}, {}, kCountedTls};
    for (const ProofChannel& channel : {kCountedPlain, kCountedTls}) {
        const Message message = proven(counted_request(), channel);
        EXPECT_EQ(proof_of(message)->mac.size(), kProofDigits);
        EXPECT_EQ(proof_of(message)->mac_1, "");
        EXPECT_EQ(check_proof(message, kSecret, kNow, channel), ProofVerdict::good);
        EXPECT_EQ(check_proof(message, kSecret, kNow + 60'000, channel),
                  ProofVerdict::early_or_late);
        for (const unsigned use : {0U, 1U, 3U, 22U}) {
            Message changed = message;
            std::get<InRequest>(changed).use = use;
            EXPECT_EQ(check_proof(changed, kSecret, kNow, channel), ProofVerdict::wrong) << use;
        }
    }
    for (const ProofChannel& other : others) {
        EXPECT_EQ(check_proof(proven(counted_request(), kCountedPlain), kSecret, kNow, other),
                  ProofVerdict::wrong);
    }
}

TEST(CountedProof, is_wrong_without_a_nonce_and_of_version_1) {
    EXPECT_EQ(check_proof(proven(counted_request(), kPlain), kSecret, kNow, kPlain),
              ProofVerdict::wrong);
    EXPECT_EQ(check_proof(proven(counted_request(), kTls), kSecret, kNow, kTls),
              ProofVerdict::wrong);
    InRequest request = counted_request();
    request.proof =
        Proof{"office", kNow, "", hex(request, "office", kCountedPlain, ProofVersion::v1)};
    EXPECT_EQ(check_proof(request, kSecret, kNow, kCountedPlain), ProofVerdict::wrong);
    request.use = 0;
    EXPECT_EQ(check_proof(request, kSecret, kNow, kCountedPlain), ProofVerdict::good);
}

/// Over TLS 1.2 without extended master secret a proof would be one for any plain connection.
TEST(Proof, is_neither_made_nor_good_where_nothing_binds_it) {
    const ProofChannel unbound{true, ""};
    EXPECT_FALSE(unbound.can_bind());
    EXPECT_EQ(proof_of(proven(in_request(), unbound)), nullptr);
    for (const ProofChannel& channel : {kPlain, kTls}) {
        for (const Message& message :
             {proven(in_request(), channel), proven_as_v1(in_request(), channel)}) {
            EXPECT_EQ(check_proof(message, kSecret, kNow, unbound), ProofVerdict::wrong);
        }
    }
}

TEST(Proof, of_version_1_is_good_alone_and_does_not_save_a_wrong_one_of_version_2) {
    EXPECT_EQ(verdict(proven_as_v1(an_out_request())), ProofVerdict::good);
    Message message = proven(an_out_request());
    proof(message).mac[0] = proof(message).mac[0] == '0' ? '1' : '0';
    EXPECT_EQ(verdict(message), ProofVerdict::wrong);
    message = proven(an_out_request());
    proof(message).mac_1 = std::string(kProofDigits, '0');
    EXPECT_EQ(verdict(message), ProofVerdict::good) << "nobody looks at it";
}

TEST(Proof, used_once_more_has_the_same_tag_whichever_version_is_left_of_it) {
    const auto tag = [](const Message& m) { return proof_tag(m, kSecret, kPlain); };
    const Message both = proven(an_out_request(), kPlain);
    Message second = both, first = both, another = both;
    proof(second).mac_1.clear();
    proof(first).mac.clear();
    EXPECT_EQ(tag(second), tag(both));
    EXPECT_EQ(tag(first), tag(both));
    std::get<OutRequest>(another).magic[0] = '1';
    EXPECT_NE(tag(another), tag(both));
}

TEST(Proof, is_good_for_every_message_that_can_have_one_and_survives_the_wire) {
    OutRequest standby = an_out_request();
    standby.standby = true;
    for (const Message& message :
         {Message(an_out_request()), Message(standby), Message(in_request()),
          Message(InWarmRequest{.magic = "m", .version = "0.0.1"})}) {
        const std::string frame = encode(proven(message));
        const auto received = decode(std::string_view(frame).substr(kFrameHeaderBytes));
        ASSERT_TRUE(received) << frame;
        ASSERT_NE(proof_of(*received), nullptr) << frame;
        EXPECT_EQ(proof_of(*received)->key, "office");
        EXPECT_EQ(verdict(*received), ProofVerdict::good) << frame;
    }
}

OutDataRequest data_request(const ProofChannel& channel, const Secret& secret = kSecret) {
    Message message = OutDataRequest{.magic = "a2",
                                     .version = "0.0.1",
                                     .topic = "mysql",
                                     .ext = true,
                                     .ticket = "0123456789abcdef0123456789abcdef"};
    prove(message, "office", secret, kNow, channel);
    return std::get<OutDataRequest>(message);
}
bool is_owner(const OutDataRequest& request, const ProofChannel& channel = kTls) {
    return check_data_mac(request, kSecret, "office", channel);
}

TEST(DataMac, of_a_data_connection_is_good_for_its_key_ticket_and_connection_only) {
    const OutDataRequest request = data_request(kTls);
    EXPECT_EQ(request.mac.size(), 64U);
    EXPECT_TRUE(is_owner(request));
    EXPECT_FALSE(is_owner(request, {true, std::string(32, 'f')})) << "another connection";
    EXPECT_FALSE(is_owner(request, {true, ""})) << "one that can not be told from others";
    EXPECT_FALSE(is_owner(request, kPlain));
    EXPECT_FALSE(is_owner(data_request(kTls, Secret("another secret that is long"))));
    EXPECT_FALSE(check_data_mac(request, kSecret, "other", kTls));
    OutDataRequest changed = request;
    changed.ticket.back() = '0';
    EXPECT_FALSE(is_owner(changed));
    changed = request;
    changed.mac.pop_back();
    EXPECT_FALSE(is_owner(changed)) << "cut off";
    changed.mac.clear();
    EXPECT_FALSE(is_owner(changed));
}

TEST(DataMac, is_made_over_tls_and_for_a_ticket_only) {
    EXPECT_EQ(data_request(kPlain).mac, "");
    EXPECT_EQ(data_request({true, ""}).mac, "");
    Message without = OutDataRequest{.magic = "a2", .version = "0.0.1", .topic = "mysql"};
    prove(without, "office", kSecret, kNow, kTls);
    EXPECT_EQ(std::get<OutDataRequest>(without).mac, "") << "a 0.0.1 proxy gave none";
}

TEST(Proof, binds_a_registration_over_tls_and_covers_that) {
    EXPECT_FALSE(std::get<OutRequest>(proven(an_out_request(), kPlain)).bound);
    Message message = proven(an_out_request());
    EXPECT_TRUE(std::get<OutRequest>(message).bound);
    EXPECT_EQ(verdict(message), ProofVerdict::good);
    std::get<OutRequest>(message).bound = false;
    EXPECT_EQ(verdict(message), ProofVerdict::wrong);
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
    const ProofChannel other{true, std::string(32, 'f')};
    for (const auto& make : {&proven, &proven_as_v1}) {
        const Message message = make(an_out_request(), kTls);
        EXPECT_EQ(check_proof(message, Secret("another secret!!"), kNow, kTls),
                  ProofVerdict::wrong);
        EXPECT_EQ(check_proof(message, Secret(), kNow, kTls), ProofVerdict::wrong);
        EXPECT_EQ(check_proof(message, kSecret, kNow, other), ProofVerdict::wrong);
        EXPECT_EQ(check_proof(message, kSecret, kNow, kPlain), ProofVerdict::wrong) << "relayed";
        EXPECT_EQ(verdict(make(an_out_request(), kPlain)), ProofVerdict::wrong) << "from plain";
    }
}

TEST(Proof, is_wrong_when_anything_that_it_covers_is_changed) {
    const std::vector<std::function<void(OutRequest&)>> changes = {
        [](auto& m) { m.topic = "mysqk"; },
        [](auto& m) { m.magic[0] = '1'; },
        [](auto& m) { m.standby = true; },
        [](auto& m) { m.instance[31] = '1'; },
        [](auto& m) { m.instance.clear(); },
        [](auto& m) { m.version = "0.0.2"; },
        [](auto& m) { m.heartbeat_timeout = Milliseconds{600'000}; },
        [](auto& m) { m.proof->key = "officf"; },
        [](auto& m) { ++m.proof->time_ms; },
        [](auto& m) { m.proof->mac[63] = m.proof->mac[63] == '0' ? '1' : '0'; },
        [](auto& m) { m.proof->mac.resize(62); },
        [](auto& m) { m.proof.reset(); },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        Message message = proven(an_out_request());
        changes[i](std::get<OutRequest>(message));
        EXPECT_EQ(verdict(message), ProofVerdict::wrong) << "change " << i;
    }
    const std::vector<std::function<void(InRequest&)>> changes_of_in = {
        [](auto& m) { m.id = "1"; },
        [](auto& m) { m.client = "192.0.2.1:1"; },
        [](auto& m) { m.e2e = true; },
    };
    for (std::size_t i = 0; i < changes_of_in.size(); ++i) {
        Message message = proven(in_request());
        changes_of_in[i](std::get<InRequest>(message));
        EXPECT_EQ(verdict(message), ProofVerdict::wrong) << "change of in " << i;
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
        hex(request("ab", "cd", "ef"), "k"), hex(request("abc", "d", "ef"), "k"),
        hex(request("a", "bcd", "ef"), "k"), hex(request("abcd", "", "ef"), "k"),
        hex(request("ab", "cd", "e"), "kf"), hex(request("ab", "cd", ""), "kef"),
    };
    EXPECT_EQ(macs.size(), 6U);
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
        prove(message, "office", kSecret, time, kTls);
        EXPECT_EQ(proof(message).time_ms, time);
        EXPECT_EQ(verdict(message), ProofVerdict::early_or_late) << time;
    }
}

}  // namespace
}  // namespace inout::proof_test
