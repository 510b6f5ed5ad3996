// The rule for topics, for the configuration and for what a peer sends alike.
//
// A topic is 1 to 255 bytes (kTopicMaxBytes) of printable UTF-8. Two topics are the same if their
// bytes are: there is no case folding and no normalisation, as in the original. Spaces are
// printable and count everywhere, at the ends too.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inout {

/// What is wrong with a topic, worded to follow its key ("must not be empty"); nothing if it is
/// fine. Not printable are control characters (U+0000–1F, U+7F–9F), line and paragraph separators
/// (U+2028–2029) and the marks that reorder the text around them (U+202A–202E, U+2066–2069),
/// because a topic appears in log lines. The answer never repeats the topic's bytes.
std::optional<std::string> check_topic(std::string_view topic);

}  // namespace inout
