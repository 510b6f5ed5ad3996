// Whether a subscription of NATS hears what is published to a subject: `*` is one token, `>` at the
// end one or more. As its documentation says it, with no thought of speed.
#pragma once

#include <string_view>

#include "../naive_pattern.hpp"

namespace inout::cluster {

inline bool hears(std::string_view filter, std::string_view subject) {
    const auto wanted = naive::words_of(filter), tokens = naive::words_of(subject);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (i >= tokens.size()) return false;
        if (wanted[i] == ">") return i + 1 == wanted.size();
        if (wanted[i] != "*" && wanted[i] != tokens[i]) return false;
    }
    return wanted.size() == tokens.size();
}

}  // namespace inout::cluster
