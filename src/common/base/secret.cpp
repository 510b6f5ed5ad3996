#include "common/base/secret.hpp"

#include <set>

#include "common/base/crypto.hpp"
#include "common/base/limits.hpp"

namespace inout {

Secret::~Secret() { wipe(bytes_.data(), bytes_.size()); }

bool is_guessable(const Secret& secret) {
    const std::string_view text = secret.bytes();
    const std::set<char> kinds(text.begin(), text.end());
    return text.size() < kStrongSecretBytes || kinds.size() < kStrongSecretKinds;
}

bool is_new_key(const Secret& secret) {
    const std::string_view text = secret.bytes();
    return text.size() == kNewKeyDigits &&
           text.find_first_not_of("0123456789abcdefABCDEF") == text.npos && !is_guessable(secret);
}

}  // namespace inout
