#include "common/rules/topic.hpp"

#include "common/base/limits.hpp"
#include "common/base/utf8.hpp"

namespace inout {
namespace {

std::string place_of(std::size_t at) { return " at byte " + std::to_string(at + 1); }

}  // namespace

std::optional<std::string> check_topic(std::string_view topic) {
    if (topic.empty()) return "must not be empty";
    if (topic.size() > kTopicMaxBytes) {
        return "must be at most " + std::to_string(kTopicMaxBytes) + " bytes long, not " +
               std::to_string(topic.size());
    }
    for (std::size_t at = 0; at < topic.size();) {
        if (topic[at] >= ' ' && topic[at] <= '~') {  // almost all are
            ++at;
            continue;
        }
        const auto [value, bytes] = first_code_point(topic.substr(at));
        if (bytes == 0) return "must be UTF-8, which it is not" + place_of(at);
        if (!is_printable(value)) {
            return "must be printable, which " + name_of(value) + place_of(at) + " is not";
        }
        at += bytes;
    }
    return std::nullopt;
}

}  // namespace inout
