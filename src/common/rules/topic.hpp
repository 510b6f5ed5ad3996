// The rule for topics, for the configuration and for what a peer sends alike.
//
// A topic is 1 to 255 bytes (kTopicMaxBytes) of printable UTF-8. Two topics are the same if their
// bytes are: there is no case folding and no normalisation, as in the original. The ordinary space
// is printable and counts everywhere, at the ends too. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inout {

/// What is wrong with a topic, worded to follow its key ("must not be empty"); nothing if it is
/// fine. Not printable is what base/utf8.hpp lists: controls, what reorders the text around it, and
/// what can not be seen, because a topic appears in log lines and is compared by eye. The answer
/// names the character and never repeats the topic's bytes.
std::optional<std::string> check_topic(std::string_view topic);

}  // namespace inout
