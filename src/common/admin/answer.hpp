// Answer: what a program says to an HTTP request, and how that is written. Pure; a value, for any
// thread.
#pragma once

#include <string>
#include <string_view>

namespace inout::admin {

struct Answer {
    unsigned status = 200;
    std::string body{};
    std::string_view type = "text/plain; charset=utf-8";
    /// What a browser may do with it.
    std::string_view policy = "default-src 'none'";
    /// More fields, each line with its end; ours.
    std::string_view more{};
};

/// A status with a line that says why.
Answer refusal(unsigned status, std::string_view why = {});

/// An answer's text, as HTTP/1.1 has it. `head_only`: it answers HEAD. `close`: the connection ends
/// behind it.
std::string written(const Answer& answer, bool head_only, bool close);

}  // namespace inout::admin
