#include "common/rules/backend_template.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "common/base/limits.hpp"
#include "common/rules/pattern_table.hpp"
#include "common/rules/special_addresses.hpp"

namespace inout {
namespace {

bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_label(std::string_view word) {
    return !word.empty() && word.size() <= kLabelMaxBytes && is_letter_or_digit(word.front()) &&
           is_letter_or_digit(word.back()) && std::all_of(word.begin(), word.end(), [](char c) {
               return is_letter_or_digit(c) || c == '-';
           });
}

/// A whole number in the one way to write it.
std::optional<int> number(std::string_view text) {
    int value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || std::to_string(value) != text) return std::nullopt;
    return value;
}

constexpr int kWordsMax = static_cast<int>(kPatternWordsMax);

}  // namespace

Result<TopicTemplate, std::string> TopicTemplate::parse(std::string_view text) {
    TopicTemplate made;
    made.text_ = text;
    while (!text.empty()) {
        const std::size_t open = text.find('{');
        if (open > 0) made.pieces_.push_back({kText, std::string(text.substr(0, open))});
        if (open == text.npos) break;
        text.remove_prefix(open + 1);
        const std::size_t close = text.find('}');
        const std::string_view name = text.substr(0, close);
        const auto word = name == "topic" ? std::optional(kTopic) : number(name);
        const bool known =
            word == kTopic || (word && *word != 0 && *word >= -kWordsMax && *word <= kWordsMax);
        if (close == text.npos || !known) {
            return Failure{"may have {topic}, {1} to {" + std::to_string(kWordsMax) +
                           "} and {-1} to {-" + std::to_string(kWordsMax) + "}, not {" +
                           std::string(name) + "}"};
        }
        made.pieces_.push_back({*word, {}});
        text.remove_prefix(close + 1);
    }
    if (made.pieces_.empty()) return Failure{std::string("must not be empty")};
    return made;
}

Result<std::string, std::string> TopicTemplate::fill(std::string_view topic) const {
    if (topic.size() > kTopicMaxBytes) return Failure{std::string("the topic is too long")};
    const TopicWords words(topic);
    const auto count = static_cast<int>(words.count());
    std::string filled;
    const auto add = [&](int word) -> std::optional<std::string> {
        if (word >= count || word < 0) return "the topic has too few words";
        const std::string_view label = words[static_cast<std::size_t>(word)];
        if (!is_label(label)) {
            return "word " + std::to_string(word + 1) + " of the topic is no label of a host name";
        }
        filled += label;
        return std::nullopt;
    };
    for (const Piece& piece : pieces_) {
        std::optional<std::string> problem;
        if (piece.place == kText) {
            filled += piece.text;
        } else if (piece.place == kTopic) {
            for (int i = 0; i < count && !problem; ++i) {
                if (i > 0) filled += '.';
                problem = add(i);
            }
        } else {
            problem = add(piece.place > 0 ? piece.place - 1 : count + piece.place);
        }
        if (problem) return Failure{*std::move(problem)};
    }
    return filled;
}

Result<PortRange, std::string> PortRange::parse(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto first = number(text.substr(0, dash));
    const auto last = dash == text.npos ? first : number(text.substr(dash + 1));
    if (!first || !last || *first < 1 || *last > 65'535 || *first > *last) {
        return Failure{std::string("must be ports from 1 to 65535, as in 7000-7100")};
    }
    return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

std::string PortRange::text() const {
    return std::to_string(first) + (first != last ? "-" + std::to_string(last) : "");
}

Result<HostPort, std::string> BackendTemplate::backend_of(std::string_view topic) const {
    auto name = host.fill(topic);
    if (!name) return Failure{std::move(name.error())};
    if (const auto problem = check_host(*name))
        return Failure{"the host " + *name + " " + *problem};
    if (is_address_literal(*name)) {
        if (!host.is_constant()) return Failure{"the host " + *name + " is no name"};
    } else if (!name->ends_with('.')) {
        *name += '.';  // absolute: no list of domains is tried behind it
    }
    const auto digits = port.fill(topic);
    if (!digits) return Failure{digits.error()};
    const auto value = number(*digits);
    if (!value || *value < ports.first || *value > ports.last) {
        return Failure{"the port " + *digits + " is none of " + ports.text()};
    }
    return HostPort{std::move(*name), static_cast<std::uint16_t>(*value)};
}

bool BackendTemplate::may_dial(const IpAddress& address) const {
    return std::any_of(allow.begin(), allow.end(), [&](const AddressRange& range) {
        return range.contains(address) && is_meant_for(range, special_ranges(), address);
    });
}

}  // namespace inout
