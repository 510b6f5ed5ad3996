#include "common/config/difference.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace inout {
namespace {

using Json = nlohmann::ordered_json;

/// Threads have their streams; sockets get their buffers, and lines their format, at the start; and
/// a proxy comes into its cluster then.
constexpr std::string_view kForRestart[] = {"threads",
                                            "stream_buffer",
                                            "log.format",
                                            "cluster",
                                            "cluster.nats",
                                            "cluster.nats_credentials",
                                            "cluster.nats_tls",
                                            "cluster.nats_tls.ca",
                                            "cluster.nats_tls.cert",
                                            "cluster.nats_tls.key",
                                            "cluster.name",
                                            "cluster.address"};

void compare(const Json& before, const Json& after, const std::string& path,
             std::vector<std::string>& changed) {
    const auto under = [&path](const std::string& key) {
        return path.empty() ? key : path + "." + key;
    };
    for (const auto& [key, value] : after.items()) {
        const auto old = before.find(key);
        if (old != before.end() && value.is_object() && old->is_object()) {
            compare(*old, value, under(key), changed);
        } else if (old == before.end() || *old != value) {
            changed.push_back(under(key));
        }
    }
    for (const auto& [key, value] : before.items()) {
        if (!after.contains(key)) changed.push_back(under(key));
    }
}

}  // namespace

std::vector<std::string> changed_keys(std::string_view before, std::string_view after) {
    std::vector<std::string> changed;
    compare(Json::parse(before), Json::parse(after), "", changed);
    return changed;
}

std::vector<std::string> keys_for_restart(const std::vector<std::string>& changed) {
    std::vector<std::string> found;
    std::copy_if(changed.begin(), changed.end(), std::back_inserter(found), [](const auto& key) {
        return std::find(std::begin(kForRestart), std::end(kForRestart), key) !=
               std::end(kForRestart);
    });
    return found;
}

}  // namespace inout
