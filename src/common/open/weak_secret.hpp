// The warning of secrets that a person may have made up. Any thread.
#pragma once

#include <string>

#include "common/base/log.hpp"

namespace inout {

/// Once in a while, however many there are: the first one named is changed first.
inline void warn_of_weak_secret(const std::string& file) {
    static log::RateLimit limit;
    const auto held_back = limit.pass();
    if (held_back < 0) return;
    log::warning("weak secret",
                 {{"file", file},
                  {"reason",
                   "short or of few characters: who sees one use of it can guess it; "
                   "in --new-key FILE writes one that nobody guesses"},
                  {"held_back", held_back}});
}

}  // namespace inout
