#include "common/config/rules.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/limits.hpp"
#include "common/rules/topic.hpp"

namespace inout {

std::optional<std::string> check_file_name(std::string_view name) {
    if (name.empty()) return "must not be empty";
    if (name.find('\0') != name.npos) return "must not hold a NUL character";
    return std::nullopt;
}

std::optional<std::string> check_key_id(std::string_view id) {
    if (id.size() > kKeyIdMaxBytes) {
        return "must be at most " + std::to_string(kKeyIdMaxBytes) + " bytes long, not " +
               std::to_string(id.size());
    }
    // Escaped, it would not fit into a message beside the longest topic.
    if (id.find_first_of("\"\\") != std::string_view::npos) {
        return "must not contain \" or \\";
    }
    return check_topic(id);
}

std::optional<std::string> check_pin(std::string_view pin) {
    constexpr std::string_view kAlgorithm = "sha256/";
    constexpr std::string_view kBase64 =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    constexpr std::size_t kDigits = 43;  // 6 bits each: the hash's 256 and two that must be zero

    const std::string_view hash = pin.substr(std::min(pin.size(), kAlgorithm.size()));
    const std::string_view digits = hash.substr(0, kDigits);
    const bool good = pin.starts_with(kAlgorithm) && hash.size() == kDigits + 1 &&
                      hash.back() == '=' && digits.find_first_not_of(kBase64) == digits.npos &&
                      kBase64.find(digits.back()) % 4 == 0;
    if (good) return std::nullopt;
    return "must be \"sha256/\" and then the 44 characters that are the base64 of 32 bytes";
}

bool is_loopback(const std::string& host) {
    const std::string name = canonical_host(host);
    const auto literal = AddressRange::parse(name);
    if (!literal) return name == "localhost" || name.ends_with(".localhost");
    return name == "::1" || name.starts_with("127.");
}

std::optional<std::string> Listeners::add(const HostPort& listen, const std::string& path) {
    if (listen.port == 0) return std::nullopt;
    const std::string host = canonical_host(listen.host);
    const bool ipv4_or_name = host.find(':') == std::string::npos;
    const auto at_port = [&](const std::string& what) {
        return what + " " + std::to_string(listen.port);
    };

    std::vector<std::string> clashing{at_port(host), at_port("::")};
    if (ipv4_or_name) clashing.push_back(at_port("0.0.0.0"));
    if (host == "::") clashing.push_back(at_port("any"));
    if (host == "0.0.0.0") clashing.push_back(at_port("any IPv4"));
    for (const auto& key : clashing) {
        if (const auto owner = owners_.find(key); owner != owners_.end()) return owner->second;
    }

    owners_.emplace(at_port(host), path);
    owners_.emplace(at_port("any"), path);
    if (ipv4_or_name) owners_.emplace(at_port("any IPv4"), path);
    return std::nullopt;
}

std::optional<std::string> Listeners::add_path(const std::string& socket, const std::string& path) {
    const auto [owner, fresh] = owners_.emplace("unix:" + socket, path);
    return fresh ? std::nullopt : std::optional(owner->second);
}

}  // namespace inout
