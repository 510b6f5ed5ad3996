#include "common/wire/proof.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <variant>

namespace inout {
namespace {

/// They say what the MAC is for, so that no other use of the secret can give the same.
constexpr std::string_view kLabel1 = "inout proof 1", kLabel2 = "inout proof 2",
                           kHopLabel = "inout hop 1", kDataLabel = "inout data 1";

/// More than most proofs cover.
constexpr std::size_t kTypicalBytes = 512;

/// What is proven. Each field stands behind its length, so that no byte can move into another.
class ProvenText {
  public:
    explicit ProvenText(std::string_view label) {
        bytes_.reserve(kTypicalBytes);
        bytes_ = label;
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
    std::string_view version, topic, magic, mode, instance, ticket, id, client, e2e, bound;
    std::string heartbeat_timeout;    // ms, as the other side has it after clamping
    std::string use;                  // of a counted request
    std::string_view share, pattern;  // what they stand for, so that neither is taken for another
    std::string weight;
    bool hop = false;
    std::string_view origin, source;
    bool is_data = false;
    std::string_view mac, bind;

    template <class M>
    explicit ProvenMembers(const M& m) {
        if constexpr (requires { m.version; }) version = m.version;
        if constexpr (requires { m.topic; }) topic = m.topic;
        if constexpr (requires { m.magic; }) magic = m.magic;
        if constexpr (requires { m.standby; }) mode = m.standby ? "standby" : "takeover";
        if constexpr (requires { m.instance; }) instance = m.instance;
        if constexpr (requires { m.ticket; }) ticket = m.ticket;
        if constexpr (requires { m.id; }) id = m.id;
        if constexpr (requires { m.client; }) client = m.client;
        if constexpr (requires { m.e2e; }) e2e = m.e2e ? "1" : "";
        if constexpr (requires { m.bound; }) bound = m.bound ? "1" : "";
        if constexpr (requires { m.weight; }) {
            share = m.share ? "share" : "";
            weight = m.weight != 1 ? "weight " + std::to_string(m.weight) : "";
            pattern = m.pattern ? "pattern" : "";
            source = m.source ? "source" : "";
        }
        if constexpr (requires { m.hop, m.source; }) source = m.source;
        if constexpr (requires { m.hop; }) hop = m.hop;
        if constexpr (requires { m.origin; }) origin = m.origin;
        if constexpr (requires { m.bind; }) {
            is_data = true;
            mac = m.mac;
            bind = m.bind;
        }
        if constexpr (requires { m.use; }) use = m.use != 0 ? std::to_string(m.use) : "";
        if constexpr (requires { m.heartbeat_timeout; }) {
            if (m.heartbeat_timeout) {
                heartbeat_timeout = std::to_string(
                    std::clamp(*m.heartbeat_timeout, kHeartbeatTimeoutMin, kHeartbeatTimeoutMax)
                        .count());
            }
        }
    }
};

std::string text_1(std::string_view key_id, std::string_view type, const ProvenMembers& members,
                   std::int64_t time_ms, const ProofChannel& channel) {
    ProvenText text(kLabel1);
    text.add(key_id);
    text.add(type);
    text.add(members.topic);
    text.add(members.magic);
    text.add(std::to_string(time_ms));
    text.add(members.mode);
    text.add(members.instance);
    text.add(members.ticket);
    text.add(channel.exporter);
    return text.bytes();
}

std::string text_2(std::string_view key_id, std::string_view type, const ProvenMembers& members,
                   std::int64_t time_ms, const ProofChannel& channel) {
    ProvenText text(members.hop ? kHopLabel : kLabel2);
    text.add(channel.tls ? "tls" : "plain");
    text.add(channel.exporter);
    text.add(key_id);
    text.add(std::to_string(time_ms));
    text.add(type);
    text.add(members.version);
    text.add(members.topic);
    text.add(members.magic);
    text.add(members.mode);
    text.add(members.instance);
    text.add(members.heartbeat_timeout);
    text.add(members.id);
    text.add(members.client);
    text.add(members.e2e);
    for (const std::string_view member :
         {members.bound, members.share, std::string_view(members.weight), members.pattern,
          members.hop ? std::string_view() : members.source}) {
        if (!member.empty()) text.add(member);
    }
    if (!members.use.empty()) {
        text.add(channel.nonce);
        text.add(members.use);
    }
    if (members.hop) text.add(members.origin);
    if (members.hop && !members.source.empty()) text.add(members.source);
    if (members.is_data) {
        text.add(members.ticket);
        text.add(members.mac);
        text.add(members.bind);
    }
    return text.bytes();
}

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

bool has_version_2_only(const Message& message) { return is_counted(message) || is_hop(message); }

}  // namespace

Digest proof_mac(ProofVersion version, const Secret& secret, std::string_view key_id,
                 const Message& message, std::int64_t time_ms, const ProofChannel& channel) {
    const ProvenMembers members =
        std::visit([](const auto& m) { return ProvenMembers(m); }, message);
    const auto text = version == ProofVersion::v1 ? text_1 : text_2;
    return hmac_sha256(secret.bytes(), text(key_id, type_name(message), members, time_ms, channel));
}

void prove(Message& message, std::string_view key_id, const Secret& secret, std::int64_t now_ms,
           const ProofChannel& channel) {
    if (!channel.can_bind()) return;
    auto* const data = std::get_if<OutDataRequest>(&message);
    if (data != nullptr && !data->hop) {
        if (channel.tls && !data->ticket.empty()) {
            data->mac = to_hex(bytes_of(data_mac(secret, key_id, data->ticket, channel)));
        }
        return;
    }
    if (auto* const out = std::get_if<OutRequest>(&message)) out->bound = channel.tls;
    std::optional<Proof>* const proof = proof_member(message);
    if (proof == nullptr) return;
    const auto mac = [&](ProofVersion version) {
        return to_hex(bytes_of(proof_mac(version, secret, key_id, message, now_ms, channel)));
    };
    *proof = Proof{std::string(key_id), now_ms, mac(ProofVersion::v2),
                   has_version_2_only(message) ? std::string() : mac(ProofVersion::v1)};
}

bool is_counted(const Message& message) {
    const auto* const in = std::get_if<InRequest>(&message);
    return in != nullptr && in->use != 0;
}

bool is_hop(const Message& message) {
    return std::visit(
        [](const auto& m) {
            if constexpr (requires { m.hop; }) return m.hop;
            return false;
        },
        message);
}

const Proof* proof_of(const Message& message) {
    const std::optional<Proof>* const proof = proof_member(const_cast<Message&>(message));
    return proof != nullptr && *proof ? &**proof : nullptr;
}

ProofVerdict check_proof(const Message& message, const Secret& secret, std::int64_t now_ms,
                         const ProofChannel& channel) {
    const Proof* const proof = proof_of(message);
    if (proof == nullptr || !channel.can_bind()) return ProofVerdict::wrong;
    const bool counted = is_counted(message);
    if (counted && channel.nonce.empty()) return ProofVerdict::wrong;
    const bool second = has_version_2_only(message) || !proof->mac.empty();
    const Digest right = proof_mac(second ? ProofVersion::v2 : ProofVersion::v1, secret, proof->key,
                                   message, proof->time_ms, channel);
    const auto given = from_hex(second ? proof->mac : proof->mac_1);
    if (!given || !equal_in_constant_time(*given, bytes_of(right))) return ProofVerdict::wrong;

    const std::int64_t window_ms = kProofWindow.count();
    const bool in_time = proof->time_ms > now_ms - window_ms && proof->time_ms < now_ms + window_ms;
    return in_time ? ProofVerdict::good : ProofVerdict::early_or_late;
}

Digest data_mac(const Secret& secret, std::string_view key_id, std::string_view ticket,
                const ProofChannel& channel) {
    ProvenText text(kDataLabel);
    text.add(channel.exporter);
    text.add(key_id);
    text.add(ticket);
    return hmac_sha256(secret.bytes(), text.bytes());
}

bool check_data_mac(const OutDataRequest& request, const Secret& secret, std::string_view key_id,
                    const ProofChannel& channel) {
    const auto given = from_hex(request.mac);
    if (!given || channel.exporter.empty()) return false;
    const Digest right = data_mac(secret, key_id, request.ticket, channel);
    return equal_in_constant_time(*given, bytes_of(right));
}

Digest proof_tag(const Message& message, const Secret& secret, const ProofChannel& channel) {
    const Proof* const proof = proof_of(message);
    if (proof == nullptr) return {};
    // Version 1 covers what makes a message this one and is in every proof's reach: who takes the
    // second version out of a recorded message can not use it once more.
    return proof_mac(ProofVersion::v1, secret, proof->key, message, proof->time_ms, channel);
}

}  // namespace inout
