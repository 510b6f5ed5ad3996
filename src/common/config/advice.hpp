// What a configuration that is right means for security: who may do what, what is off without
// saying so, and for which program a file was written.
//
// Pure; reads a configuration, changes nothing. Topics and names come out visible (base/utf8.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/types.hpp"

namespace inout {

struct JsonValue;

/// One thing to say, and the key at the top of a file that it belongs to.
struct Advice {
    std::string_view key;
    std::string what;
};

/// Protection that a reader may believe in and that is not there, off loopback only.
std::vector<Advice> security_advice(const InConfig& config);
std::vector<Advice> security_advice(const OutConfig& config);
std::vector<Advice> security_advice(const ProxyConfig& config);

/// For people, several lines: of the proxy what each identity may do, of in and out where each
/// network leads and how it is protected. The first hundred of each; the rest is counted.
std::string access_summary(const InConfig& config);
std::string access_summary(const OutConfig& config);
std::string access_summary(const ProxyConfig& config);

/// The only one of "in", "out" and "proxy" that has the keys of a document; nothing if there is no
/// or more than one such.
std::optional<std::string_view> written_for(const JsonValue& document);

}  // namespace inout
