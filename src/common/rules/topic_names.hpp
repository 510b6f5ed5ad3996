// TopicNames: which topic is meant by the name of a host, for clients that know nothing but names.
//
// A host name comes in lower case and, beyond ASCII, in punycode, because browsers and resolvers
// fold it; a topic is compared byte by byte. So a name means the topic of the same bytes, or the
// one that is listed for it, and never one that looks alike. What can never be meant, or could mean
// two things, is refused when the configuration is read. Pure; made from that, then read only: any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/rules/topic_pattern.hpp"

namespace inout {

/// What of a name and its port is the topic.
enum class TopicForm {
    host,       ///< "web.inout:80" is "web"
    host_port,  ///< and here "web.80"
};

/// A topic that its own name does not reach: `Web 1`, at the host `web-1`.
struct ListedTopic {
    std::string host, topic;

    bool operator==(const ListedTopic&) const = default;
};

struct TopicNames {
    /// Behind every name that is a topic's, in lower case: it begins with a dot.
    std::string suffix;
    TopicForm form = TopicForm::host;
    /// The topics that may be asked for, beside those that are listed.
    std::vector<TopicPattern> allow = every_topic();
    std::vector<ListedTopic> topics;
    /// The topic of an exit, for hosts without the suffix; empty: they are refused.
    std::string exit;

    bool operator==(const TopicNames&) const = default;
    static std::vector<TopicPattern> every_topic();

    enum class Kind {
        topic,    ///< `topic`, which may be asked for
        outside,  ///< of no topic
        refused,  ///< a topic's, and it may not be asked for here
    };
    struct Meaning {
        Kind kind;
        std::string topic{};
    };
    /// Of a host without a problem (base/host_port), in any letter case.
    Meaning meaning_of(std::string_view host, std::uint16_t port) const;
};

/// What is wrong with a suffix, worded to follow its key; nothing if it is fine.
std::optional<std::string> check_name_suffix(std::string_view suffix);
/// The same of the host of a listed topic: what stands before the suffix.
std::optional<std::string> check_listed_host(std::string_view host);

/// What is wrong with all of it together.
struct NamesProblem {
    const char* key;
    std::string what;
};
std::optional<NamesProblem> find_problem(const TopicNames& names);

}  // namespace inout
