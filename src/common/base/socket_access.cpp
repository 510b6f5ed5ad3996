#include "common/base/socket_access.hpp"

#include <algorithm>

namespace inout {
namespace {

/// Names of users and groups are this long at most (useradd(8)).
constexpr std::size_t kUserNameMaxBytes = 32;

bool is_octal(char digit) { return digit >= '0' && digit <= '7'; }

/// Beyond the portable names (IEEE Std 1003.1, 3.437): what a directory may add, no blanks.
bool is_name(std::string_view text) {
    return text.size() <= kUserNameMaxBytes && std::all_of(text.begin(), text.end(), [](char each) {
               return each > ' ' && each != '\x7f' && each != ':' && each != '/';
           });
}

}  // namespace

Result<FileMode, std::string> FileMode::parse(std::string_view text) {
    const std::string_view digits = text.size() == 4 && text.front() == '0' ? text.substr(1) : text;
    if (digits.size() != 3 || !std::all_of(digits.begin(), digits.end(), is_octal)) {
        return Failure{"must be " + std::string(expected())};
    }
    FileMode mode;
    for (const char digit : digits) mode.bits = mode.bits * 8 + static_cast<unsigned>(digit - '0');
    return mode;
}

std::string_view FileMode::expected() {
    return "permissions in octal digits, in quotes, as in \"0660\"";
}

std::string FileMode::text() const {
    std::string text = "0";
    for (const unsigned shift : {6U, 3U, 0U}) {
        text += static_cast<char>('0' + ((bits >> shift) & 7U));
    }
    return text;
}

Result<FileOwner, std::string> FileOwner::parse(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view user = text.substr(0, colon);
    const std::string_view group = colon == text.npos ? "" : text.substr(colon + 1);
    const bool half = colon != text.npos && group.empty();
    if (text.empty() || half || !is_name(user) || !is_name(group)) {
        return Failure{"must be " + std::string(expected())};
    }
    return FileOwner{std::string(user), std::string(group)};
}

std::string_view FileOwner::expected() {
    return "\"USER\", \"USER:GROUP\" or \":GROUP\", names or numbers";
}

}  // namespace inout
