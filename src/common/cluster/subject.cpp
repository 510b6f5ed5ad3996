#include "common/cluster/subject.hpp"

#include <algorithm>
#include <charconv>

#include "common/cluster/cluster_limits.hpp"
#include "common/rules/topic.hpp"

namespace inout::cluster {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEF";
constexpr std::string_view kLookups = "t.", kNews = "new.", kAnswers = "a.";

/// What stands for itself. Quotes and backslashes do not, so that tokens are plain JSON too.
bool is_literal(char c) {
    return c > ' ' && c <= '~' && std::string_view(".*>#%\"\\").find(c) == std::string_view::npos;
}

void append_token(std::string& out, std::string_view word) {
    if (word.empty()) out += '%';
    for (const char c : word) {
        if (is_literal(c)) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
    }
}

/// Of a pattern.
void append_word(std::string& out, std::string_view word) {
    if (word == "*" || word == "#") {
        out += word;
    } else {
        append_token(out, word);
    }
}

/// Nothing if it is no token. What append_token would write otherwise is found by whoever has all.
std::optional<std::string> word_of(std::string_view token) {
    std::string word;
    if (token == "%") return word;
    for (std::size_t at = 0; at < token.size(); ++at) {
        if (token[at] != '%') {
            word += token[at];
            continue;
        }
        const auto digits = token.substr(at + 1, 2);
        if (digits.size() < 2) return std::nullopt;
        const auto high = kDigits.find(digits[0]), low = kDigits.find(digits[1]);
        if (high == kDigits.npos || low == kDigits.npos) return std::nullopt;
        word += static_cast<char>(high << 4U | low);
        at += 2;
    }
    return word;
}

/// Calls visit(word) for each part between dots, of which there is one more than dots, while that
/// says true. False if it did not.
template <class Visit>
bool each_word(std::string_view text, Visit visit) {
    while (true) {
        const auto dot = text.find('.');
        if (!visit(text.substr(0, dot))) return false;
        if (dot == text.npos) return true;
        text.remove_prefix(dot + 1);
    }
}

/// `write(out, word)` for each word, with dots between.
template <class Write>
std::string joined(std::string_view text, Write write) {
    std::string out;
    each_word(text, [&](std::string_view word) {
        if (!out.empty()) out += '.';
        write(out, word);
        return true;
    });
    return out;
}

/// The text with these tokens; `read(token)` says what one means, or nothing.
template <class Read>
std::optional<std::string> read_tokens(std::string_view tokens, Read read) {
    if (tokens.size() > kSubjectMaxBytes) return std::nullopt;
    std::string text;
    bool is_first = true;
    const bool all = each_word(tokens, [&](std::string_view token) {
        const std::optional<std::string> word = read(token);
        if (!word) return false;
        if (!is_first) text += '.';
        is_first = false;
        text += *word;
        return true;
    });
    return all ? std::optional(text) : std::nullopt;
}

std::optional<std::string> within_bounds(std::string subject) {
    if (subject.size() > kSubjectMaxBytes) return std::nullopt;
    return subject;
}

/// One or two filters: `#` takes no word too, and `>` at least one.
std::vector<std::string> filters(const std::string& prefix, const TopicPattern& pattern) {
    std::string filter = prefix;
    bool has_hash = false, has_more = false, is_alone = true;
    each_word(pattern.text(), [&](std::string_view word) {
        if (word == "#") {
            has_hash = true;
        } else if (has_hash) {
            has_more = true;
        } else {
            if (filter.back() != '.') filter += '.';
            is_alone = false;
            append_word(filter, word);
        }
        return true;
    });
    if (filter.size() + 2 > kSubjectMaxBytes) return {};
    if (!has_hash) return {filter};
    const std::string wide = filter + (is_alone ? ">" : ".>");
    if (is_alone || has_more) return {wide};
    return {filter, wide};
}

std::optional<std::string> topic_behind(std::string_view subject, const std::string& prefix) {
    if (!subject.starts_with(prefix)) return std::nullopt;
    return topic_of(subject.substr(prefix.size()));
}

}  // namespace

std::string tokens_of(std::string_view topic) { return joined(topic, append_token); }

std::optional<std::string> topic_of(std::string_view tokens) {
    auto topic = read_tokens(tokens, word_of);
    if (!topic || check_topic(*topic) || tokens_of(*topic) != tokens) return std::nullopt;
    return topic;
}

std::string tokens_of(const TopicPattern& pattern) { return joined(pattern.text(), append_word); }

std::optional<TopicPattern> pattern_of(std::string_view tokens) {
    const auto text = read_tokens(tokens, [](std::string_view token) -> std::optional<std::string> {
        if (token == "*" || token == "#") return std::string(token);
        return word_of(token);
    });
    if (!text) return std::nullopt;
    auto pattern = TopicPattern::parse(*text);
    if (!pattern || tokens_of(*pattern) != tokens) return std::nullopt;
    return std::move(*pattern);
}

std::optional<std::string> Subjects::lookup(std::string_view topic) const {
    return within_bounds(prefix_ + std::string(kLookups) + tokens_of(topic));
}

std::optional<std::string> Subjects::news(std::string_view topic) const {
    return within_bounds(prefix_ + std::string(kNews) + tokens_of(topic));
}

std::string Subjects::answer(std::string_view inbox, std::uint64_t number) const {
    return prefix_ + std::string(kAnswers) + std::string(inbox) + '.' + std::to_string(number);
}

std::string Subjects::answers(std::string_view inbox) const {
    return prefix_ + std::string(kAnswers) + std::string(inbox) + ".*";
}

std::vector<std::string> Subjects::lookups(const TopicPattern& pattern) const {
    return filters(prefix_ + std::string(kLookups), pattern);
}

std::vector<std::string> Subjects::news(const TopicPattern& pattern) const {
    return filters(prefix_ + std::string(kNews), pattern);
}

std::optional<std::string> Subjects::topic_of_lookup(std::string_view subject) const {
    return topic_behind(subject, prefix_ + std::string(kLookups));
}

std::optional<std::string> Subjects::topic_of_news(std::string_view subject) const {
    return topic_behind(subject, prefix_ + std::string(kNews));
}

bool Subjects::is_answer(std::string_view subject) const {
    const std::string prefix = prefix_ + std::string(kAnswers);
    if (!subject.starts_with(prefix)) return false;
    subject.remove_prefix(prefix.size());
    const auto dot = subject.find('.');
    return dot != subject.npos && is_name(subject.substr(0, dot)) &&
           is_name(subject.substr(dot + 1));
}

std::optional<std::uint64_t> Subjects::number_of_answer(std::string_view inbox,
                                                        std::string_view subject) const {
    const std::string prefix = prefix_ + std::string(kAnswers) + std::string(inbox) + '.';
    if (!subject.starts_with(prefix)) return std::nullopt;
    const auto digits = subject.substr(prefix.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

}  // namespace inout::cluster
