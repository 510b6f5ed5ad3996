// The messages of the protocol 0.0.1 plus `ext`, as plain structs, and their JSON.
//
// docs/protocol.md is the contract. `ext` tells whether the peer's message carried the extension
// object; the members after it are meaningful only then and have harmless defaults otherwise. What
// a peer sends is clamped and bounded here, so that nobody behind needs to. No I/O, no clock. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/limits.hpp"
#include "common/base/result.hpp"
#include "common/base/scale_limits.hpp"
#include "common/rules/reason.hpp"

namespace inout {

inline constexpr std::string_view kVersion = "0.0.1";

/// The digits of an out's name (Response::out), which has to differ among the outs of one topic,
/// and how many names an InRequest may leave out: one less than an open has tries.
inline constexpr std::size_t kOutNameDigits = 8, kTriedNamesMax = kTriesMax - 1;

/// Who asks, and that it knows the key's secret (proof.hpp makes and checks it).
struct Proof {
    std::string key;           ///< the key's id: as a topic, shorter, without `"` and `\`
    std::int64_t time_ms = 0;  ///< the asking peer's clock, Unix time
    /// kProofDigits lowercase hex digits each: version 2 and, for proxies that know no other,
    /// version 1. Either may be empty, not both.
    std::string mac, mac_1;
};
inline constexpr std::size_t kProofDigits = 64;  // HMAC-SHA256

/// What a proxy can be told of how long an out may be silent.
inline constexpr Milliseconds kHeartbeatTimeoutMin{5'000}, kHeartbeatTimeoutMax{600'000};

/// What Response::took can tell.
inline constexpr Milliseconds kProbeTookMax{600'000};

/// out → proxy, first on a control connection: "I serve this topic".
struct OutRequest {
    std::string magic, version, topic;
    bool ext = false;
    std::string instance;  ///< names this network entry of this run of out
    bool standby = false;  ///< join the line without taking the topic from its holder
    std::optional<Milliseconds> heartbeat_timeout;  ///< clamped to kHeartbeatTimeoutMin to …Max
    bool bound = false;                             ///< its data connections show a `mac`
    bool share = false;    ///< it stands in line together with the others that share
    unsigned weight = 1;   ///< among them, 1 to kWeightMax
    bool pattern = false;  ///< `topic` is a topic pattern, and it serves all topics that match
    bool source = false;   ///< its streams are to say whose they are (DataActiveRequest::source)
    bool probe = false;    ///< it answers a ProbeRequest on its control connection
    std::optional<Proof> proof{};
};

/// out → proxy, first on a data connection: "park this one".
struct OutDataRequest {
    std::string magic, version, topic;
    bool ext = false;
    std::string ticket;  ///< the registration's secret
    std::string mac{};   ///< of a bound registration: its key is at this connection's end too
    bool quiet = false;  ///< an answer is wanted only if it is a refusal
    bool reuse = false;  ///< it can carry one stream after another
    /// A forward proxy is in between, which may end the connection as it likes: no direction of a
    /// stream becomes raw here.
    bool framed = false;
    /// Passed on by another proxy of the cluster, to which out has connected, and proven as that
    /// one's. It says how out came there: over which TLS connection (its exporter value as
    /// hexadecimal digits; empty: over none), and by which certificate ("certificate NAME"; else
    /// "anonymous").
    bool hop = false;
    std::string bind{};
    std::string origin{};
    std::optional<Proof> proof{};  ///< with `hop` only
};

/// in → proxy, first on an in connection: "open a stream".
struct InRequest {
    std::string magic, version, topic;
    bool ext = false;
    std::string id;      ///< 16 hex digits, names the stream in every log
    std::string client;  ///< "ip:port" as in saw it
    bool e2e = false;    ///< in encrypts end to end, and so must out
    /// Offers that the stream is compressed: exactly so many of its bytes follow as they are, up to
    /// kEarlyAnnouncedMax, and then nothing until the Response, which may agree to it.
    std::optional<unsigned> zstd{};
    /// On a fresh connection: exactly so many raw bytes follow, up to kEarlyAnnouncedMax, and then
    /// nothing until the Response, which may agree to reuse.
    std::optional<unsigned> early{};
    bool framed = false;  ///< with `early`: as in OutDataRequest
    /// On a connection with agreed reuse: the use-th stream of it, 1 to kConnectionUsesMax; frames
    /// follow. 0: neither. Never together with `early`.
    unsigned use = 0;
    /// The outs, by their names (Response::out), that have refused this open already: not to them.
    /// At most kTriedNamesMax names with a comma between each two.
    std::string tried{};
    /// From another proxy of the cluster, for somebody who has asked there: not to be passed on,
    /// and proven with the cluster's key. With who that is: "key NAME", "certificate NAME",
    /// "anonymous"; of a name that does not fit only the kind.
    bool hop = false;
    std::string origin{};
    /// With `hop`: the client's address and port, as far as that proxy vouches for it.
    std::string source{};
    std::optional<Proof> proof{};
};

/// in → proxy, first on a spare connection: "keep this one, an InRequest comes later". Only to a
/// proxy that has announced `warm`.
struct InWarmRequest {
    std::string magic, version;
    bool reuse = false;   ///< it can carry one stream after another
    bool framed = false;  ///< as in OutDataRequest
    bool hop = false;     ///< as in InRequest
    bool probe = false;   ///< of in or out: only ProbeRequests will follow, and no stream
    std::optional<Proof> proof{};
};

/// in or out → proxy, behind an InWarmRequest with `probe`, and proxy → out, on control: "what
/// would become of a stream to this topic?" Opens none. Only to whom has announced `probe`.
struct ProbeRequest {
    std::string magic, topic;
    bool serves = false;   ///< asked by one that would register the topic; else one that would use
    bool pattern = false;  ///< with `serves`: `topic` is a topic pattern
    std::string origin{};  ///< behind an introduction with `hop`: who asks, as in InRequest
};

/// proxy → out, on control: "open that many data connections".
struct NewDataRequest {
    std::string magic, topic;
    unsigned count = 1;    ///< 1 to 100
    bool waiting = false;  ///< a client waits for one of them
};

/// proxy → out, on a parked connection: "a client is here, dial the backend".
struct DataActiveRequest {
    std::string magic, topic;
    bool ext = false;
    std::string id, client;
    bool e2e = false;                ///< as in InRequest
    std::optional<unsigned> zstd{};  ///< as in InRequest
    unsigned use = 0;                ///< as in InRequest
    /// To an out that has asked for it: the client's address and port, for which the proxy vouches.
    std::string source{};
};

/// The answer to any request.
struct Response {
    std::string magic{};
    std::string request{};  ///< the type that is answered
    std::string message{};  ///< empty: success
    bool ext = false;
    Code code = Code::none;
    std::string proxy{};    ///< id of the proxy's process (answers to an out)
    std::string ticket{};   ///< this registration's secret (answer to OutRequest)
    unsigned position = 0;  ///< 0 holds the topic, n is n-th in line
    bool quiet = false;     ///< answer to OutRequest: data connections may be parked quietly
    /// Answers to an in: how long the proxy keeps a spare connection; nothing: it takes none.
    std::optional<Milliseconds> warm{};
    /// Who the proxy took us for (answers to OutRequest and InWarmRequest): "key NAME",
    /// "certificate NAME", "anonymous"; empty: not told.
    std::string identity{};
    /// With Code::clock: the proxy's clock, Unix time.
    std::optional<std::int64_t> time_ms{};
    /// Answers to an in: this connection carries one stream after another. With the nonce that the
    /// proofs of its requests cover.
    bool reuse = false;
    std::string nonce{};
    /// A refusal: nothing was begun with the request or with what came behind it, so it may be made
    /// again elsewhere. Agreement to OutRequest: the proxy understands that.
    bool retry = false;
    /// Success of what has offered it: the stream is compressed, down from its first byte.
    bool zstd = false;
    /// Success of an InRequest with e2e: which out has the stream now, by a name that is no secret.
    std::string out{};
    /// Agreement to OutRequest: what of it the proxy has understood.
    bool share = false, pattern = false, source = false;
    /// Answer to InWarmRequest with `probe`: the proxy knows what that is.
    bool probe = false;
    /// Answer to a ProbeRequest, of the out: its backend was dialled, and the dial took so long.
    std::optional<Milliseconds> took{};
    /// Answer to a ProbeRequest: another proxy of the cluster has the topic. Without `took` in a
    /// success that one, or its out, was not asked.
    bool elsewhere = false;
    /// Success of the first InRequest with `hop` on its connection: which permissions the proxy
    /// gives, as kListsDigits.
    std::string lists{};

    bool ok() const { return message.empty(); }
    /// Whether it answers a request of this type. An error may also name no request at all: the
    /// original's proxy answers what it does not expect with "invalid tp".
    bool answers(std::string_view request_type) const { return request == request_type || !ok(); }
};

struct Ping {};
struct Pong {};

enum class NoticeCode { displaced, promoted, draining, unready, ready, other };

/// Either way on control, only between peers with ext.
struct Notice {
    NoticeCode code = NoticeCode::other;
    std::string message;
    bool at_once = false;  ///< draining: the next process is there already
};

using Message =
    std::variant<OutRequest, OutDataRequest, InRequest, NewDataRequest, DataActiveRequest, Response,
                 Ping, Pong, Notice, InWarmRequest, ProbeRequest>;

/// The `Type` on the wire, which Response::request repeats.
std::string_view type_name(const Message& message);

/// The whole frame, ready for one write; at most kFrameSendMaxBytes (long texts are cut).
std::string encode(const Message& message);

enum class DecodeError { malformed, unknown_type };

/// Parses a frame's body. Keys in any letter case; unknown keys are ignored; strings that are too
/// long, wrong types and missing members are `malformed`. A topic is checked as check_topic does.
Result<Message, DecodeError> decode(std::string_view body);

}  // namespace inout
