// A join file: what parses keeps its rules and is read again as it is written, and what does not is
// told without the secret. And the same text as a configuration that gets one more site.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/config/join.hpp"
#include "common/config/new_site.hpp"
#include "common/config/types.hpp"
#include "demand.hpp"

namespace {

using namespace inout;

void fuzz_join(std::string_view text) {
    const auto join = parse_join(text);
    if (!join) {
        demand(!join.error().empty());
        return;
    }
    demand(is_join(text) && is_new_key(join->secret));
    const auto again = parse_join(join_text(*join));
    demand(static_cast<bool>(again));
    demand(again->server == join->server && again->pin == join->pin && again->id == join->id &&
           again->secret.bytes() == join->secret.bytes());
}

void fuzz_site(std::string_view text) {
    KeyEntry site{"new", "new.secret", {}};
    site.permissions.in.push_back(TopicPattern::parse("#").value());
    const auto more = with_site(text, site);
    const auto before = parse_proxy_config(text, "proxy.json");
    if (!more || !before || !before->auth) return;
    const auto after = parse_proxy_config(*more, "proxy.json");
    // Only one that has this name, or as many as can be, stands in its way.
    if (!after) return;
    demand(after->auth->keys.size() == before->auth->keys.size() + 1);
    demand(after->auth->keys.front() == site);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz_join(text_of(data, size));
    fuzz_site(text_of(data, size));
    return 0;
}
