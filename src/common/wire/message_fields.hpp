// The members of each message, once for both directions: their names, kinds and limits.
//
// Each visit() takes the payload as a MemberReader or as a MemberWriter, which have the same
// members, and walks the message's members in the order in which they are written. Those of 0.0.1
// stand in the payload, all others in its ext; docs/protocol.md says what they mean. message.cpp
// alone includes this. Pure. Rules are for the reader: a writer ignores what they say.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "common/wire/message.hpp"
#include "common/wire/message_rules.hpp"

namespace inout {

/// The messages' types on the wire, in the order of Message.
inline constexpr std::string_view kTypeNames[] = {
    "OutRequest", "OutDataRequest", "InRequest", "NewDataRequest", "DataActiveRequest", "Response",
    "Ping",       "Pong",           "Notice",    "InWarmRequest",  "ProbeRequest",
};
static_assert(std::size(kTypeNames) == std::variant_size_v<Message>);

/// The three first messages of 0.0.1 begin alike.
template <class Fields, class M>
void visit_request(Fields& payload, M& m) {
    payload.text("magic", m.magic, kId, Presence::required);
    payload.text("version", m.version, kVersionText, Presence::always);
    payload.text("type", m.topic, kTopic, Presence::required);
}

/// Of a proof's two versions one is enough.
template <class Fields, class P>
void visit_proof(Fields& ext, P& proof) {
    ext.group(proof, [](auto& members, auto& p) {
        members.text("key", p.key, kKeyId, Presence::required);
        members.number("time", p.time_ms, kTimeMs, Presence::required);
        members.text("proof", p.mac_1, kMac);
        members.text("proof2", p.mac, kMac);
        members.require(!p.mac.empty() || !p.mac_1.empty());
    });
}

/// What InRequest and DataActiveRequest say about the stream.
template <class Fields, class M>
void visit_stream(Fields& ext, M& m) {
    ext.text("id", m.id, kHex, Presence::always);
    ext.text("client", m.client, kId);
    ext.flag("e2e", m.e2e);
    ext.exact("zstd", m.zstd, Bounds{0, kEarlyAnnouncedMax});
    ext.require(!m.e2e || !m.zstd);  // that agrees in its handshake
}

template <class Fields>
void visit(Fields& payload, typename Fields::template Of<OutRequest> m) {
    visit_request(payload, m);
    payload.ext(m.ext, [&](auto& ext) {
        ext.text("instance", m.instance, kHex, Presence::required);
        ext.word("mode", m.standby, kMode, Presence::always);
        ext.number("heartbeat_timeout", m.heartbeat_timeout,
                   Bounds{kHeartbeatTimeoutMin.count(), kHeartbeatTimeoutMax.count()});
        ext.flag("bound", m.bound);
        ext.flag("share", m.share);
        ext.number("weight", m.weight, Bounds{1, kWeightMax}, when(m.weight != 1));
        ext.flag("pattern", m.pattern);
        ext.flag("source", m.source);
        ext.flag("probe", m.probe);
        visit_proof(ext, m.proof);
    });
}

template <class Fields>
void visit(Fields& payload, typename Fields::template Of<OutDataRequest> m) {
    visit_request(payload, m);
    payload.ext(m.ext, [&](auto& ext) {
        ext.text("ticket", m.ticket, kHex);
        ext.text("mac", m.mac, kMac);
        ext.flag("quiet", m.quiet);
        ext.flag("reuse", m.reuse);
        ext.flag("framed", m.framed);
        ext.flag("hop", m.hop);
        ext.text("bind", m.bind, kHex);
        ext.text("origin", m.origin, kOrigin);
        visit_proof(ext, m.proof);
        // A proof without `hop` is nobody's, and looked at by nobody.
        ext.require(m.hop || (m.bind.empty() && m.origin.empty()));
    });
}

template <class Fields>
void visit(Fields& payload, typename Fields::template Of<InRequest> m) {
    visit_request(payload, m);
    payload.ext(m.ext, [&](auto& ext) {
        visit_stream(ext, m);
        ext.exact("early", m.early, Bounds{0, kEarlyAnnouncedMax});
        ext.exact("reuse", m.use, kUse);
        ext.require(!m.early || m.use == 0);
        ext.flag("framed", m.framed);
        ext.text("not", m.tried, kTriedOuts);
        ext.flag("hop", m.hop);
        ext.text("origin", m.origin, kOrigin);
        ext.text("source", m.source, kSource);
        ext.require(m.hop || (m.origin.empty() && m.source.empty()));
        visit_proof(ext, m.proof);
    });
}

template <class Fields>
void visit(Fields& payload, typename Fields::template Of<InWarmRequest> m) {
    payload.text("magic", m.magic, kId, Presence::required);
    payload.text("version", m.version, kVersionText, Presence::always);
    payload.ext(Presence::required, [&](auto& ext) {
        ext.flag("reuse", m.reuse);
        ext.flag("framed", m.framed);
        ext.flag("hop", m.hop);
        ext.flag("probe", m.probe);
        visit_proof(ext, m.proof);
    });
}

template <class Fields>
void visit(Fields& payload, typename Fields::template Of<ProbeRequest> m) {
    payload.text("magic", m.magic, kId, Presence::required);
    payload.text("type", m.topic, kTopic, Presence::required);
    payload.ext(Presence::required, [&](auto& ext) {
        ext.flag("serves", m.serves);
        ext.flag("pattern", m.pattern);
        ext.text("origin", m.origin, kOrigin);
    });
}

template <class Fields>
void visit(Fields& payload, typename Fields::template Of<NewDataRequest> m) {
    payload.text("magic", m.magic, kId, Presence::required);
    payload.text("type", m.topic, kTopic, Presence::required);
    payload.ext(Presence::if_any, [&](auto& ext) {
        ext.number("count", m.count, Bounds{1, kPoolHardMax}, when(m.count != 1));
        ext.flag("waiting", m.waiting);
    });
}

template <class Fields>
void visit(Fields& payload, typename Fields::template Of<DataActiveRequest> m) {
    payload.text("magic", m.magic, kId, Presence::required);
    payload.text("type", m.topic, kTopic, Presence::required);
    payload.ext(m.ext, [&](auto& ext) {
        visit_stream(ext, m);
        ext.exact("reuse", m.use, kUse);
        ext.text("source", m.source, kSource);
    });
}

template <class Fields>
void visit(Fields& payload, typename Fields::template Of<Response> m) {
    payload.text("magic", m.magic, kId, Presence::required);
    payload.text("request", m.request, kId, Presence::required);
    payload.text("message", m.message, kErrorText, Presence::always);
    payload.ext(m.ext, [&](auto& ext) {
        ext.word("code", m.code, kCode);
        ext.text("proxy", m.proxy, kHex);
        ext.text("ticket", m.ticket, kHex);
        ext.number("position", m.position, Bounds{0, kLineMax}, when(!m.ticket.empty()));
        ext.flag("quiet", m.quiet);
        ext.number("warm", m.warm, Bounds{0, 600'000});
        ext.number("time", m.time_ms, kTimeMs);
        ext.text("identity", m.identity, kIdentity);
        ext.flag("reuse", m.reuse);
        ext.text("nonce", m.nonce, kHex);
        ext.flag("retry", m.retry);
        ext.flag("zstd", m.zstd);
        ext.text("out", m.out, kOutName);
        ext.flag("share", m.share);
        ext.flag("pattern", m.pattern);
        ext.flag("source", m.source);
        ext.flag("probe", m.probe);
        ext.number("took", m.took, Bounds{0, kProbeTookMax.count()});
        ext.flag("elsewhere", m.elsewhere);
        ext.text("lists", m.lists, kLists);
    });
}

template <class Fields>
void visit(Fields&, typename Fields::template Of<Ping>) {}
template <class Fields>
void visit(Fields&, typename Fields::template Of<Pong>) {}

template <class Fields>
void visit(Fields& payload, typename Fields::template Of<Notice> m) {
    payload.word("code", m.code, kNotice, Presence::required);
    payload.text("message", m.message, kErrorText, Presence::always);
    payload.flag("at_once", m.at_once);
}

}  // namespace inout
