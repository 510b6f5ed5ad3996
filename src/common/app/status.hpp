// What a program says of itself: everything that is counted, and how it stands with a drain and
// with reloads. Main thread only.
#pragma once

#include <string>
#include <string_view>

#include "common/base/limits.hpp"

namespace inout {

struct Status {
    bool draining = false;
    Clock::time_point drain_until{};   ///< then what is left is reset
    std::string last_reload = "none";  ///< "done", or why it failed

    /// A line in the log.
    void log(std::string_view event) const;
};

}  // namespace inout
