#include "common/rules/forward_users.hpp"

#include <algorithm>
#include <set>

namespace inout {
namespace {

/// A name has no colon (RFC 7617, 2), which would end it, and neither has any control character.
bool is_word(std::string_view word) {
    return !word.empty() && word.size() <= kForwardWordMaxBytes &&
           std::none_of(word.begin(), word.end(),
                        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

/// A colon stands between them, which no name has: two pairs are never one text.
Digest digest_of(std::string_view user, std::string_view password) {
    std::string both(user);
    both += ':';
    both += password;
    const Digest digest = sha256(both);
    wipe(both.data(), both.size());
    return digest;
}

}  // namespace

Result<ForwardUsers, std::string> ForwardUsers::parse(std::string_view text) {
    ForwardUsers users;
    std::set<std::string_view> names;
    std::size_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.starts_with('#')) continue;
        const std::string where = "line " + std::to_string(number);
        const std::size_t colon = line.find(':');
        if (colon == line.npos || !is_word(line.substr(0, colon)) ||
            !is_word(line.substr(colon + 1))) {
            return Failure{where + " must be NAME:PASSWORD, each of 1 to " +
                           std::to_string(kForwardWordMaxBytes) +
                           " bytes without control characters"};
        }
        if (!names.insert(line.substr(0, colon)).second) {
            return Failure{where + " has a name that an earlier line has"};
        }
        if (users.known_.size() == kForwardUsersMax) {
            return Failure{"has more than " + std::to_string(kForwardUsersMax) + " users"};
        }
        users.known_.push_back(digest_of(line.substr(0, colon), line.substr(colon + 1)));
    }
    if (users.known_.empty()) return Failure{std::string("has no user: write NAME:PASSWORD")};
    return users;
}

bool ForwardUsers::accept(std::string_view user, std::string_view password) const {
    if (user.find(':') != user.npos) return false;
    const Digest given = digest_of(user, password);
    bool found = false;
    for (const Digest& known : known_) {
        const bool same = equal_in_constant_time(bytes_of(known), bytes_of(given));
        found = found | same;  // no early end: it would tell which one it is
    }
    return found;
}

}  // namespace inout
