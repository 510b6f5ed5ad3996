// From when until when a certificate of ours or of those that we trust is valid, and what to say of
// that. Pure: the time is an argument, Unix time in seconds; usable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace inout {

struct Validity {
    std::string key{};   ///< of the configuration: "tls.cert"
    std::string file{};  ///< where it came from
    std::int64_t begins_s = 0, ends_s = 0;
    std::string digest{};  ///< of the file, as it was read: SHA-256

    auto operator<=>(const Validity&) const = default;
};

/// What a person has to do something about: it has ended, has not begun, or ends within
/// kCertificateNotice. With its date in UTC.
std::optional<std::string> validity_warning(const Validity& validity, std::int64_t now_s);

}  // namespace inout
