// A relay's own key, with a certificate that nobody else has signed.
//
// For set-ups: calls of some milliseconds, which keep nothing. Pure but for the clock and the
// random source. Any thread.
#pragma once

#include <string>

#include "common/base/result.hpp"

namespace inout {

struct SelfSigned {
    std::string certificate, key;  ///< PEM
    std::string pin;               ///< of the key, as `tls.pin`
};

/// ECDSA P-256, for this host name or address (a literal without a zone), of the form that
/// check_host lets pass. It begins a day ago, for clocks that are late, and ends in ten years.
/// Nobody who goes by the pin alone looks at either.
Result<SelfSigned, std::string> make_self_signed(const std::string& host);

}  // namespace inout
