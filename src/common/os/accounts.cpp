#include "common/os/accounts.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>

namespace inout {
namespace {

std::optional<unsigned> number(std::string_view text) {
    unsigned value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    // The highest one stands for none (chown(2)).
    if (error != std::errc{} || stop != end || value == ~0U) return std::nullopt;
    return value;
}

/// Both files have lines of NAME:PASSWORD:NUMBER and more (passwd(5), group(5)).
std::optional<unsigned> number_in(const char* file, const std::string& name) {
    if (const auto written = number(name)) return written;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        std::string_view rest = line;
        if (!rest.starts_with(name + ":")) continue;
        rest.remove_prefix(name.size() + 1);
        rest.remove_prefix(std::min(rest.size(), rest.find(':')));
        if (rest.empty()) continue;
        rest.remove_prefix(1);
        if (const auto found = number(rest.substr(0, rest.find(':')))) return found;
    }
    return std::nullopt;
}

}  // namespace

std::optional<unsigned> user_number(const std::string& name) {
    return number_in("/etc/passwd", name);
}
std::optional<unsigned> group_number(const std::string& name) {
    return number_in("/etc/group", name);
}

}  // namespace inout
