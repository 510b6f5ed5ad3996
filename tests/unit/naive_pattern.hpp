// Topic patterns as one would explain them on paper: no thought of speed, nothing shared with the
// code under test. For the unit tests and the fuzzer.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace inout::naive {

inline std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words(1);
    for (const char c : text) {
        if (c == '.') {
            words.emplace_back();
        } else {
            words.back() += c;
        }
    }
    return words;
}

/// The rules beyond those of a topic.
inline bool is_pattern(std::string_view text) {
    const auto words = words_of(text);
    const auto mixed = [](const std::string& word) {
        return word.size() > 1 && word.find_first_of("*#") != word.npos;
    };
    return words.size() <= 32 && std::count(words.begin(), words.end(), "#") <= 1 &&
           std::none_of(words.begin(), words.end(), mixed);
}

/// Tries every number of words for each `#`.
inline bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& topic,
                    std::size_t p = 0, std::size_t t = 0) {
    if (p == pattern.size()) return t == topic.size();
    if (pattern[p] == "#") {
        for (std::size_t next = t; next <= topic.size(); ++next) {
            if (matches(pattern, topic, p + 1, next)) return true;
        }
        return false;
    }
    if (t == topic.size() || (pattern[p] != "*" && pattern[p] != topic[t])) return false;
    return matches(pattern, topic, p + 1, t + 1);
}

}  // namespace inout::naive
