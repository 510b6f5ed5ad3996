// TopicPattern: which topics a permission or a registration speaks of, as in RabbitMQ's topic
// exchanges.
//
// Words are separated by dots; `*` stands for exactly one word, an empty one too, `#` for zero or
// more. At most one `#` and kPatternWordsMax words, so that matching is one walk over the topic:
// with two `#` it would have to try every place where the first one could end. A word that merely
// contains `*` or `#` is refused: it would look like a wildcard and be none. Bytes are compared, as
// topics are. Whoever read the configuration, or a request, owns it; any thread may match. Never
// allocates when it matches.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace inout {

class TopicPattern {
  public:
    /// What holds for a topic (topic.hpp) holds for a pattern too. The failure is worded to follow
    /// its key ("may have one '#' only").
    static Result<TopicPattern, std::string> parse(std::string_view text);

    /// Of any text, though only what check_topic lets pass is a topic. Linear in its length.
    bool matches(std::string_view topic) const;
    /// Whether it matches every topic that `inner` matches.
    bool contains(const TopicPattern& inner) const;
    const std::string& text() const { return text_; }

    bool operator==(const TopicPattern&) const = default;

  private:
    TopicPattern() = default;

    std::string text_;
    std::vector<std::string> words_;  ///< without the `#`
    std::size_t hash_at_ = 0;         ///< how many of them stand before the `#`; all without one
    bool has_hash_ = false;
};

/// Whether it is one topic.
bool is_literal(const TopicPattern& pattern);
/// Whether one of them contains it. What only several together would is not contained.
bool any_contains(const std::vector<TopicPattern>& patterns, const TopicPattern& inner);
bool any_matches(const std::vector<TopicPattern>& patterns, std::string_view topic);

}  // namespace inout
