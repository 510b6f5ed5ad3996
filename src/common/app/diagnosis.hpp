// What a doctor makes of what it has seen: each function judges one fact and says what to do. The
// subject of a finding, its server and topic, the caller sets. Pure: times are arguments.
#pragma once

#include <cstdint>
#include <string>

#include "common/app/findings.hpp"
#include "common/open/look.hpp"
#include "common/rules/validity.hpp"

namespace inout {

/// What is asked about a network.
struct ProbeQuestion {
    std::string topic;
    bool serves = false;   ///< of out; else of in
    bool pattern = false;  ///< as in ProbeRequest
};

/// The proxy's certificate, of a handshake that has succeeded. `goes_by_key`: nothing but its key
/// matters here. `now_s`: Unix time.
Finding judge_certificate(const Validity& validity, std::string_view version, bool goes_by_key,
                          std::int64_t now_s);
/// A certificate of ours, or a CA that we trust.
Finding judge_own_certificate(const Validity& validity, std::int64_t now_s);
/// A connection, or a handshake, that has failed; `reason` of ProxyLink::dial().
Finding judge_tls_failure(const std::string& reason);
/// The proxy's clock and ours, Unix time. The answer was `round_trip` on its way and back.
Finding judge_clock(std::int64_t theirs_ms, std::int64_t ours_ms, Milliseconds round_trip);
/// What came back for our introduction, but for the clock: the proxy and who it takes us for.
/// `serves`: of out, which older proxies may refuse for that alone.
Findings judge_look(const Look& look, bool has_key, bool serves, Milliseconds round_trip);
/// Whether the proxy can be asked about topics, and else what is said of each of them.
bool may_probe(const Look& look);
Finding judge_not_asked(const Look& look);
/// The answer to one question: permission, topic and, of in, backend and round trip. `total`: from
/// the question to its answer.
Findings judge_probe(const ProbeQuestion& question, const Response& answer, Milliseconds total);
/// Something else came than an answer.
Finding judge_no_probe_answer();

}  // namespace inout
