// What the parsers say about a text that they are given as the file "f". For tests only.
#pragma once

#include <string>

#include "common/config/types.hpp"

namespace inout::config_problems {

/// The problems, one per line; empty if the text is a configuration.
template <class Config>
std::string problems(const Result<Config, ConfigProblems>& result) {
    std::string text;
    if (result) return text;
    for (const auto& line : result.error()) text += line + "\n";
    return text;
}
inline std::string in(const std::string& text) { return problems(parse_in_config(text, "f")); }
inline std::string out(const std::string& text) { return problems(parse_out_config(text, "f")); }
inline std::string proxy(const std::string& text) {
    return problems(parse_proxy_config(text, "f"));
}

}  // namespace inout::config_problems
