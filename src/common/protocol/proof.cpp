#include "common/protocol/proof.hpp"

#include <optional>
#include <string>
#include <variant>

namespace inout {
namespace {

/// Says what the MAC is for, so that no other use of the secret can give the same.
constexpr std::string_view kLabel = "inout proof 1";

/// More than most proofs cover.
constexpr std::size_t kTypicalBytes = 384;

/// What is proven. Each field stands behind its length, so that no byte can move into another.
class ProvenText {
  public:
    ProvenText() {
        bytes_.reserve(kTypicalBytes);
        bytes_ = kLabel;
    }

    void add(std::string_view field) {
        for (const unsigned shift : {24U, 16U, 8U, 0U}) {
            bytes_ += static_cast<char>(field.size() >> shift & 0xffU);
        }
        bytes_ += field;
    }
    const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

/// The members of a message that a proof covers; empty where its type has none.
struct ProvenMembers {
    std::string_view topic, magic, mode, instance, ticket;

    template <class M>
    explicit ProvenMembers(const M& m) {
        if constexpr (requires { m.topic; }) topic = m.topic;
        if constexpr (requires { m.magic; }) magic = m.magic;
        if constexpr (requires { m.standby; }) mode = m.standby ? "standby" : "takeover";
        if constexpr (requires { m.instance; }) instance = m.instance;
        if constexpr (requires { m.ticket; }) ticket = m.ticket;
    }
};

/// The member that holds the proof; nullptr in a message that can not have one.
std::optional<Proof>* proof_member(Message& message) {
    return std::visit(
        [](auto& m) -> std::optional<Proof>* {
            if constexpr (requires { m.proof; }) {
                return &m.proof;
            } else {
                return nullptr;
            }
        },
        message);
}

}  // namespace

Digest proof_mac(const Secret& secret, std::string_view key_id, const Message& message,
                 std::int64_t time_ms, std::string_view exporter) {
    const ProvenMembers members =
        std::visit([](const auto& m) { return ProvenMembers(m); }, message);
    ProvenText text;
    text.add(key_id);
    text.add(type_name(message));
    text.add(members.topic);
    text.add(members.magic);
    text.add(std::to_string(time_ms));
    text.add(members.mode);
    text.add(members.instance);
    text.add(members.ticket);
    text.add(exporter);
    return hmac_sha256(secret.bytes(), text.bytes());
}

void prove(Message& message, std::string_view key_id, const Secret& secret, std::int64_t now_ms,
           std::string_view exporter) {
    std::optional<Proof>* const proof = proof_member(message);
    if (proof == nullptr) return;
    const Digest mac = proof_mac(secret, key_id, message, now_ms, exporter);
    *proof = Proof{std::string(key_id), now_ms, to_hex(bytes_of(mac))};
}

const Proof* proof_of(const Message& message) {
    const std::optional<Proof>* const proof = proof_member(const_cast<Message&>(message));
    return proof != nullptr && *proof ? &**proof : nullptr;
}

ProofVerdict check_proof(const Message& message, const Secret& secret, std::int64_t now_ms,
                         std::string_view exporter) {
    const Proof* const proof = proof_of(message);
    if (proof == nullptr) return ProofVerdict::wrong;
    const Digest right = proof_mac(secret, proof->key, message, proof->time_ms, exporter);
    const auto given = from_hex(proof->mac);
    if (!given || !equal_in_constant_time(*given, bytes_of(right))) return ProofVerdict::wrong;

    const std::int64_t window_ms = kProofWindow.count();
    const bool in_time = proof->time_ms > now_ms - window_ms && proof->time_ms < now_ms + window_ms;
    return in_time ? ProofVerdict::good : ProofVerdict::early_or_late;
}

}  // namespace inout
