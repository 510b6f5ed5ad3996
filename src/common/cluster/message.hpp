// Messages: what the proxies of a cluster tell each other through NATS, as plain JSON.
//
// Whoever may publish there may have written one, so each is bounded and every member is checked;
// what is no message is nothing. Members that are not known are ignored. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace inout::cluster {

/// Who has this topic? It stands in the subject.
struct Question {
    std::string proxy;  ///< who asks
    bool operator==(const Question&) const = default;
};

/// How a proxy comes to a topic.
enum class Match { none, exact, pattern };

/// What a proxy says of a topic.
struct Answer {
    std::string proxy;
    std::string address{};  ///< HOST:PORT, for the other proxies
    Match match = Match::none;
    std::string pattern{};  ///< if that is how, its text
    bool shared = false;    ///< its outs let others serve beside them
    bool ready = true;      ///< one of its outs takes streams now
    unsigned weight = 1;    ///< of its outs together, 1 to kWeightMax
    unsigned running = 0;   ///< streams of this topic, there
    bool operator==(const Answer&) const = default;
};

/// It has this topic from now on. Which one stands in the subject, a pattern here.
struct News {
    std::string proxy;
    std::string pattern{};
    bool operator==(const News&) const = default;
};

/// What is sent is ours, and so within bounds: at most kMessageMaxBytes.
std::string encode(const Question& question);
std::string encode(const Answer& answer);
std::string encode(const News& news);

/// Nothing if it is none. Numbers are clamped to their bounds.
std::optional<Question> decode_question(std::string_view body);
std::optional<Answer> decode_answer(std::string_view body);
std::optional<News> decode_news(std::string_view body);

}  // namespace inout::cluster
