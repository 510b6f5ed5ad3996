#include "common/wire/http_login.hpp"

#include <algorithm>
#include <cstdio>

#include "common/base/crypto.hpp"
#include "common/wire/http_text.hpp"

namespace inout {
namespace {

enum class Strength { none, basic, digest_md5, digest_sha256 };

bool offers_auth(std::string_view qop) {
    while (!qop.empty()) {
        const std::size_t comma = std::min(qop.find(','), qop.size());
        std::string_view word = qop.substr(0, comma);
        qop.remove_prefix(std::min(comma + 1, qop.size()));
        while (word.starts_with(' ')) word.remove_prefix(1);
        while (word.ends_with(' ')) word.remove_suffix(1);
        if (in_lower_case(word) == "auth") return true;
    }
    return false;
}

Strength strength_of(const HttpChallenge& challenge) {
    if (challenge.scheme == "basic") return Strength::basic;
    if (challenge.scheme != "digest" || !challenge.parameter("realm") ||
        challenge.parameter("nonce").value_or("").empty() ||
        !offers_auth(challenge.parameter("qop").value_or(""))) {
        return Strength::none;
    }
    bool names_one = false;
    for (const auto& [name, value] : challenge.parameters) names_one |= name == "algorithm";
    const std::string algorithm =
        names_one ? in_lower_case(challenge.parameter("algorithm").value_or("?")) : "md5";
    if (algorithm == "sha-256") return Strength::digest_sha256;
    return algorithm == "md5" && md5("") ? Strength::digest_md5 : Strength::none;
}

std::string hash(Strength strength, const std::string& text) {
    if (strength == Strength::digest_sha256) return to_hex(bytes_of(sha256(text)));
    return to_hex(md5(text).value_or(""));
}

/// RFC 9110, 5.6.4.
std::string quoted_string(std::string_view text) {
    std::string all = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') all += '\\';
        all += c;
    }
    return all + '"';
}

std::string digest_for(const HttpChallenge& challenge, Strength strength, const ForwardLogin& login,
                       const LoginRequest& request) {
    const std::string realm(challenge.parameter("realm").value_or(""));
    const std::string nonce(challenge.parameter("nonce").value_or(""));
    const std::string target(request.target), cnonce(request.cnonce);
    char count[9];
    std::snprintf(count, sizeof count, "%08x", request.count);

    std::string known = login.user + ':' + realm + ':';
    known += login.password.bytes();
    const std::string who = hash(strength, known);
    wipe(known.data(), known.size());
    const std::string what = hash(strength, std::string(request.method) + ':' + target);
    const std::string response =
        hash(strength, who + ':' + nonce + ':' + count + ':' + cnonce + ":auth:" + what);

    std::string field = "Digest username=" + quoted_string(login.user) +
                        ", realm=" + quoted_string(realm) + ", nonce=" + quoted_string(nonce) +
                        ", uri=" + quoted_string(target) +
                        ", algorithm=" + (strength == Strength::digest_sha256 ? "SHA-256" : "MD5") +
                        ", qop=auth, nc=" + count + ", cnonce=" + quoted_string(cnonce) +
                        ", response=" + quoted_string(response);
    if (const auto opaque = challenge.parameter("opaque")) {
        field += ", opaque=" + quoted_string(*opaque);
    }
    return field;
}

}  // namespace

const HttpChallenge* strongest(const std::vector<HttpChallenge>& challenges) {
    const HttpChallenge* best = nullptr;
    Strength most = Strength::none;
    for (const HttpChallenge& each : challenges) {
        const Strength strength = strength_of(each);
        if (strength > most) {
            most = strength;
            best = &each;
        }
    }
    return best;
}

bool is_stale(const HttpChallenge& challenge) {
    return in_lower_case(challenge.parameter("stale").value_or("")) == "true";
}

std::string login_for(const HttpChallenge& challenge, const ForwardLogin& login,
                      const LoginRequest& request) {
    const Strength strength = strength_of(challenge);
    if (strength != Strength::basic) return digest_for(challenge, strength, login, request);
    std::string plain = login.user + ':';
    plain += login.password.bytes();
    std::string field = "Basic " + to_base64(plain);
    wipe(plain.data(), plain.size());
    return field;
}

}  // namespace inout
