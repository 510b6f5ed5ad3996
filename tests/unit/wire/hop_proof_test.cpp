// The proofs by which the proxies of a cluster know each other; docs/protocol.md, "Identity",
// prints the pinned example.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "common/wire/proof.hpp"

namespace inout::hop_proof_test {
namespace {

const Secret kSecret("correct horse battery staple");
constexpr std::int64_t kNow = 1'767'225'600'000;  // 2026-01-01 00:00:00 UTC
const ProofChannel kPlain{};
const ProofChannel kTls{true, std::string(32, 'e'), "89abcdef0123456789abcdef01234567"};

InRequest in_request() {
    return {.magic = "0123456789abcdef0123456789abcdef", .version = "0.0.1", .topic = "mysql"};
}
Message proven(Message message) {
    prove(message, "prod", kSecret, kNow, kTls);
    return message;
}
ProofVerdict verdict(const Message& message) { return check_proof(message, kSecret, kNow, kTls); }
std::string hex(const Message& message, const ProofChannel& channel,
                ProofVersion version = ProofVersion::v2) {
    return to_hex(bytes_of(proof_mac(version, kSecret, "prod", message, kNow, channel)));
}
std::string field(const std::string& text) {
    return std::string(3, '\0') + static_cast<char>(text.size()) + text;
}

InRequest hop_request() {
    InRequest request = in_request();
    request.id = "0011223344556677";
    request.client = "192.0.2.1:45126";
    request.hop = true;
    request.origin = "key office";
    return request;
}

TEST(HopProof, example_of_the_documentation) {
    EXPECT_EQ(hex(hop_request(), kPlain),
              "d6b30797040dc893fbbc21e4a5a5dd8f5ebe9c4608be8a89eb567302290ae0d8");
}

TEST(HopProof, has_a_label_of_its_own_and_covers_who_has_asked) {
    InRequest request = hop_request();
    request.use = 3;
    const std::string bytes = "inout hop 1" + field("tls") + field(kTls.exporter) + field("prod") +
                              field("1767225600000") + field("InRequest") + field("0.0.1") +
                              field(request.topic) + field(request.magic) + field("") + field("") +
                              field("") + field(request.id) + field(request.client) + field("") +
                              field(kTls.nonce) + field("3") + field("key office");
    EXPECT_EQ(proof_mac(ProofVersion::v2, kSecret, "prod", request, kNow, kTls),
              hmac_sha256(kSecret.bytes(), bytes));
}

TEST(HopProof, is_good_in_its_place_only) {
    EXPECT_TRUE(is_hop(hop_request()));
    EXPECT_TRUE(is_hop(InWarmRequest{.hop = true}));
    EXPECT_FALSE(is_hop(in_request()));
    EXPECT_FALSE(is_hop(OutRequest{}));
    const Message message = proven(hop_request());
    EXPECT_EQ(proof_of(message)->mac_1, "") << "there is no version 1 of it";
    EXPECT_EQ(verdict(message), ProofVerdict::good);
    Message changed = message;
    std::get<InRequest>(changed).origin = "key other";
    EXPECT_EQ(verdict(changed), ProofVerdict::wrong);
    changed = message;
    std::get<InRequest>(changed).source = "192.0.2.1:45126";
    EXPECT_EQ(verdict(changed), ProofVerdict::wrong) << "an address for which nobody vouches";
    changed = message;
    std::get<InRequest>(changed).hop = false;
    EXPECT_EQ(verdict(changed), ProofVerdict::wrong) << "as an ordinary request";
    changed = proven(in_request());
    std::get<InRequest>(changed).hop = true;
    EXPECT_EQ(verdict(changed), ProofVerdict::wrong) << "an ordinary one as one of a proxy";
    InRequest old = hop_request();
    old.proof = Proof{"prod", kNow, "", hex(old, kTls, ProofVersion::v1)};
    EXPECT_EQ(verdict(old), ProofVerdict::wrong);
}

OutDataRequest data_request() {
    return {.magic = "0123456789abcdef0123456789abcdef",
            .version = "0.0.1",
            .topic = "mysql",
            .ext = true,
            .ticket = "2f",
            .mac = std::string(64, 'a'),
            .reuse = true,
            .hop = true,
            .bind = "0e",
            .origin = "certificate b"};
}

TEST(HopProof, of_a_data_connection_covers_how_out_came_to_the_other_proxy) {
    const OutDataRequest request = data_request();
    const std::string bytes =
        "inout hop 1" + field("tls") + field(kTls.exporter) + field("prod") +
        field("1767225600000") + field("OutDataRequest") + field("0.0.1") + field(request.topic) +
        field(request.magic) + field("") + field("") + field("") + field("") + field("") +
        field("") + field("certificate b") + field("2f") + field(request.mac) + field("0e");
    EXPECT_EQ(proof_mac(ProofVersion::v2, kSecret, "prod", request, kNow, kTls),
              hmac_sha256(kSecret.bytes(), bytes));
}

TEST(HopProof, of_a_data_connection_is_good_for_what_it_covers_only) {
    const Message message = proven(data_request());
    EXPECT_EQ(verdict(message), ProofVerdict::good);
    EXPECT_EQ(std::get<OutDataRequest>(message).mac, data_request().mac) << "it is out's";
    const std::vector<std::function<void(OutDataRequest&)>> changes = {
        [](auto& m) { m.topic = "mysqk"; },
        [](auto& m) { m.ticket = "3f"; },
        [](auto& m) { m.mac[0] = 'b'; },
        [](auto& m) { m.bind = "0f"; },
        [](auto& m) { m.bind.clear(); },
        [](auto& m) { m.hop = false; },
        [](auto& m) { m.origin = "certificate c"; }};
    for (std::size_t i = 0; i < changes.size(); ++i) {
        Message changed = message;
        changes[i](std::get<OutDataRequest>(changed));
        EXPECT_EQ(verdict(changed), ProofVerdict::wrong) << "change " << i;
    }
    OutDataRequest own = data_request();
    own.hop = false;
    EXPECT_EQ(proof_of(proven(own)), nullptr) << "an out's has none";
}

}  // namespace
}  // namespace inout::hop_proof_test
