// Subjects: what a cluster's look-ups and announcements are called in NATS, and back.
//
//     inout.<cluster>.t.<word>.<word>…      who has this topic?
//     inout.<cluster>.new.<word>.<word>…    a proxy has it now, and had it not
//     inout.<cluster>.pattern               the same of a pattern, which stands in the message
//     inout.<cluster>.proxy.<id>            where is the proxy with this id?
//     inout.<cluster>.proxy.%               which proxies are there?
//     inout.<cluster>.a.<inbox>.<number>    the answer to one question
//
// Each word of a topic is one token. What NATS or JSON gives a meaning, `%`, `#` and all beyond
// printable ASCII are written as %XX; the empty word, which NATS has not, is a lone `%`. The way
// back takes nothing but what the way there makes, so no two subjects are one topic.
//
// Pure; a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/rules/cluster_name.hpp"
#include "common/rules/topic_pattern.hpp"

namespace inout::cluster {

/// The words of a topic as tokens. Any text is fine.
std::string tokens_of(std::string_view topic);
/// Nothing if no topic (rules/topic.hpp) is written so.
std::optional<std::string> topic_of(std::string_view tokens);
/// The same of a pattern, whose wildcards stay as they are; so `*` here is any word, and `%2A` is
/// what a topic may have.
std::string tokens_of(const TopicPattern& pattern);
std::optional<TopicPattern> pattern_of(std::string_view tokens);

class Subjects {
  public:
    /// `cluster` is a name.
    explicit Subjects(std::string_view cluster) : prefix_("inout." + std::string(cluster) + '.') {}

    /// Nothing: too long (kSubjectMaxBytes), the topic is for its own proxy's clients only.
    std::optional<std::string> lookup(std::string_view topic) const;
    std::optional<std::string> news(std::string_view topic) const;
    std::string pattern_news() const { return prefix_ + "pattern"; }
    std::string proxy(std::string_view id) const { return prefix_ + "proxy." + std::string(id); }
    /// No proxy has an empty id.
    std::string proxies() const { return proxy(kEveryone); }
    std::string answer(std::string_view inbox, std::uint64_t number) const;
    std::string answers(std::string_view inbox) const;

    /// To hear the look-ups, or the news, of all topics that a pattern matches: one or two subjects
    /// of which every such topic matches one. More may match: `#` ends a subject of NATS. None if
    /// they are too long.
    std::vector<std::string> lookups(const TopicPattern& pattern) const;
    std::vector<std::string> news(const TopicPattern& pattern) const;

    /// The topic of a subject that lookup() made; nothing if it is none.
    std::optional<std::string> topic_of_lookup(std::string_view subject) const;
    std::optional<std::string> topic_of_news(std::string_view subject) const;
    /// Whether answer() may have made it, for any inbox: nothing else is written to because
    /// somebody asks for it.
    bool is_answer(std::string_view subject) const;
    /// The number of one that answer() made for this inbox.
    std::optional<std::uint64_t> number_of_answer(std::string_view inbox,
                                                  std::string_view subject) const;

  private:
    static constexpr std::string_view kEveryone = "%";
    std::string prefix_;
};

}  // namespace inout::cluster
