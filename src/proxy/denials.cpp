// How the Gatekeeper says no.
#include "common/base/random.hpp"
#include "proxy/gatekeeper_parts.hpp"

namespace inout::proxy {

Gatekeeper::Denial wrong_proof(std::string reason) {
    const std::string reference = random_hex(kReferenceDigits);
    return {.code = Code::denied,
            .message = "not permitted: wrong secret or unknown key (reference " + reference + ")",
            .reason = std::move(reason),
            .reference = reference};
}

Gatekeeper::Denial no_permission(const Identity& identity, const Message& request,
                                 std::string missing) {
    Gatekeeper::Denial denial{.code = Code::denied,
                              .message = "not permitted: no key or certificate was shown",
                              .reason = std::move(missing),
                              .identity = to_string(identity)};
    denial.by_stranger = identity.kind == Identity::Kind::anonymous;
    if (denial.by_stranger) return denial;
    denial.message = "not permitted: " + denial.identity;
    if (const auto* out = std::get_if<OutRequest>(&request)) {
        denial.message += std::string(" may not register (\"out\") ") +
                          (out->pattern ? "all of pattern " : "topic ") + out->topic;
    } else if (const auto* in = std::get_if<InRequest>(&request)) {
        denial.message += " may not open (\"in\") topic " + in->topic;
    } else if (const auto* probe = std::get_if<ProbeRequest>(&request)) {
        denial.message +=
            probe->serves ? " may not register (\"out\") " : " may not open (\"in\") ";
        denial.message += (probe->pattern ? "all of pattern " : "topic ") + probe->topic;
    } else {
        denial.message += " may not open any topic";
    }
    return denial;
}

Gatekeeper::Denial unbound() {
    return {.code = Code::denied,
            .message = "not permitted over TLS 1.2 without extended master secret (RFC 7627)",
            .reason =
                "TLS 1.2 without extended master secret (RFC 7627): whose connection it is can not "
                "be told"};
}

}  // namespace inout::proxy
