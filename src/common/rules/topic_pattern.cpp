#include "common/rules/topic_pattern.hpp"

#include <algorithm>

#include "common/base/limits.hpp"
#include "common/rules/topic.hpp"

namespace inout {
namespace {

/// A text has one word more than dots, so that the empty text is one empty word.
std::size_t count_words(std::string_view text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '.')) + 1;
}

/// Cuts the first word and its dot off.
std::string_view take_word(std::string_view& text) {
    const auto word = text.substr(0, text.find('.'));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    return word;
}

}  // namespace

Result<TopicPattern, std::string> TopicPattern::parse(std::string_view text) {
    if (auto problem = check_topic(text)) return Failure{*std::move(problem)};
    const std::size_t count = count_words(text);
    if (count > kPatternWordsMax) {
        return Failure{"may have " + std::to_string(kPatternWordsMax) + " words at most, not " +
                       std::to_string(count)};
    }
    TopicPattern pattern;
    pattern.text_ = text;
    for (std::size_t i = 0; i < count; ++i) {
        const auto word = take_word(text);
        if (word == "#") {
            if (pattern.has_hash_) return Failure{std::string("may have one '#' only")};
            pattern.has_hash_ = true;
            pattern.hash_at_ = i;
        } else if (word != "*" && word.find_first_of("*#") != word.npos) {
            return Failure{std::string("may have '*' and '#' as whole words only, as in db.*")};
        } else {
            pattern.words_.emplace_back(word);
        }
    }
    if (!pattern.has_hash_) pattern.hash_at_ = count;
    return pattern;
}

bool TopicPattern::matches(std::string_view topic) const {
    const std::size_t count = count_words(topic);
    if (count < words_.size() || (count > words_.size() && !has_hash_)) return false;
    const std::size_t hash_takes = count - words_.size();
    for (std::size_t i = 0; i < count; ++i) {
        const auto word = take_word(topic);
        if (i >= hash_at_ && i - hash_at_ < hash_takes) continue;
        const std::string& wanted = words_[i < hash_at_ ? i : i - hash_takes];
        if (wanted != "*" && wanted != word) return false;
    }
    return true;
}

/// `*` as a word of a topic is one that no pattern has as a literal: where that fits, any does. So
/// does a longer row of them once there are more than this has words.
bool TopicPattern::contains(const TopicPattern& inner) const {
    if (!inner.has_hash_) return matches(inner.text_);
    for (std::size_t taken = 0; taken <= words_.size() + 1; ++taken) {
        std::string topic;
        for (std::size_t i = 0; i <= inner.words_.size(); ++i) {
            for (std::size_t star = 0; i == inner.hash_at_ && star < taken; ++star) topic += ".*";
            if (i < inner.words_.size()) topic += '.' + inner.words_[i];
        }
        if (!topic.empty() && !matches(std::string_view(topic).substr(1))) return false;
    }
    return true;
}

bool is_literal(const TopicPattern& pattern) {
    return pattern.text().find_first_of("*#") == std::string::npos;
}

bool any_contains(const std::vector<TopicPattern>& patterns, const TopicPattern& inner) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const TopicPattern& pattern) { return pattern.contains(inner); });
}

bool any_matches(const std::vector<TopicPattern>& patterns, std::string_view topic) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const TopicPattern& pattern) { return pattern.matches(topic); });
}

}  // namespace inout
