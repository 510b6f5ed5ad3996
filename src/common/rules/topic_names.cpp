#include "common/rules/topic_names.hpp"

#include <algorithm>
#include <set>

#include "common/base/host_port.hpp"
#include "common/rules/topic.hpp"

namespace inout {
namespace {

/// What a folded name may have in it, and a pattern of such names.
constexpr std::string_view kNameBytes = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
constexpr std::string_view kPatternBytes = "abcdefghijklmnopqrstuvwxyz0123456789-_.*#";

std::string folded(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    std::string text(host);
    for (char& each : text) {
        if (each >= 'A' && each <= 'Z') each = static_cast<char>(each - 'A' + 'a');
    }
    return text;
}

std::optional<std::string> check_folded(std::string_view text) {
    if (text.find_first_not_of(kNameBytes) == text.npos) return check_host(text);
    return "must be as names arrive: in lower case, and beyond ASCII in punycode (xn--…)";
}

}  // namespace

std::vector<TopicPattern> TopicNames::every_topic() { return {TopicPattern::parse("#").value()}; }

TopicNames::Meaning TopicNames::meaning_of(std::string_view host, std::uint16_t port) const {
    const std::string name = folded(host);
    if (name.size() <= suffix.size() || !name.ends_with(suffix)) return {Kind::outside};
    std::string topic = name.substr(0, name.size() - suffix.size());
    const auto listed = std::ranges::find(topics, topic, &ListedTopic::host);
    if (listed != topics.end()) return {Kind::topic, listed->topic};
    if (form == TopicForm::host_port) topic += '.' + std::to_string(port);
    if (check_topic(topic) || !any_matches(allow, topic)) return {Kind::refused};
    return {Kind::topic, std::move(topic)};
}

std::optional<std::string> check_name_suffix(std::string_view suffix) {
    if (!suffix.starts_with('.') || suffix.ends_with('.')) {
        return "must begin with a dot, and have a name behind it: \".inout\"";
    }
    return check_folded(suffix.substr(1));
}

std::optional<std::string> check_listed_host(std::string_view host) {
    if (host.ends_with('.')) return "must not end with a dot: the suffix follows it";
    return check_folded(host);
}

std::optional<NamesProblem> find_problem(const TopicNames& names) {
    std::set<std::string_view> hosts;
    for (const ListedTopic& each : names.topics) {
        if (!hosts.insert(each.host).second) {
            return NamesProblem{"topics", "has the host \"" + each.host + "\" twice"};
        }
    }
    for (const TopicPattern& pattern : names.allow) {
        if (pattern.text().find_first_not_of(kPatternBytes) != std::string::npos) {
            return NamesProblem{"allow", "has \"" + pattern.text() +
                                             "\", which no host name can be: names are in lower "
                                             "case and ASCII; list such topics in \"topics\""};
        }
        // With the port in it a name never is the topic of a listed host.
        if (names.form == TopicForm::host && is_literal(pattern) &&
            hosts.contains(pattern.text())) {
            return NamesProblem{"allow", "has \"" + pattern.text() +
                                             "\", but that host is listed for another topic"};
        }
    }
    return std::nullopt;
}

}  // namespace inout
