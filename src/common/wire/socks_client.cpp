#include "common/wire/socks_client.hpp"

#include <algorithm>
#include <array>

#include "common/base/address_range.hpp"
#include "common/base/utf8.hpp"

namespace inout {
namespace {

constexpr char kSocks5 = 5, kLoginVersion = 1, kConnect = 1;
constexpr char kNoLogin = 0, kPassword = 2;
constexpr char kIpv4 = 1, kName = 3, kIpv6 = 4;

std::size_t byte_at(const std::string& text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

void append_text(std::string& to, std::string_view text) {
    to += static_cast<char>(text.size());
    to += text;
}

/// RFC 1928, 6.
std::string words_of(std::size_t reply) {
    static constexpr std::array<std::string_view, 8> kReplies{
        "general failure",     "not permitted by its rules", "network unreachable",
        "host unreachable",    "connection refused",         "no answer in time (TTL expired)",
        "it knows no CONNECT", "it knows no such address",
    };
    if (reply >= 1 && reply <= kReplies.size()) return std::string(kReplies[reply - 1]);
    return "reply " + std::to_string(reply);
}

}  // namespace

SocksClient::SocksClient(const HostPort& target, const ForwardLogin* login)
    : target_(target), login_(login) {
    output_ = {kSocks5, 1, kNoLogin};
    if (login_ != nullptr) output_ = {kSocks5, 2, kNoLogin, kPassword};
}

std::size_t SocksClient::take(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && step_ == ForwardStep::talk && output_.empty()) {
        const std::size_t size = std::min(wanted() - answer_.size(), bytes.size() - taken);
        answer_ += bytes.substr(taken, size);
        taken += size;
        const char version = awaits_ == Awaits::login ? kLoginVersion : kSocks5;
        if (answer_[0] != version) {
            fail("is no SOCKS5 server; it says: " +
                 shown(answer_ + std::string(bytes.substr(taken))));
        } else if (answer_.size() == wanted()) {
            judge();
        }
    }
    return taken;
}

/// The bytes of the answer that comes, as far as its first ones tell.
std::size_t SocksClient::wanted() const {
    if (awaits_ != Awaits::answer) return 2;
    if (answer_.size() < 5) return 5;
    const std::size_t port = 2;
    switch (answer_[3]) {
        case kIpv4: return 4 + 4 + port;
        case kIpv6: return 4 + 16 + port;
        default: return 5 + byte_at(answer_, 4) + port;
    }
}

void SocksClient::judge() {
    switch (awaits_) {
        case Awaits::method: judge_method(); break;
        case Awaits::login:
            if (answer_[1] == 0) {
                ask_for_target();
            } else {
                fail("it does not take the password of \"" + visible(login_->user) +
                     "\"; see whether both are right");
            }
            break;
        case Awaits::answer: judge_answer(); break;
    }
    answer_.clear();
}

void SocksClient::judge_method() {
    const char method = answer_[1];
    if (method == kNoLogin) {
        ask_for_target();
    } else if (method == kPassword && login_ != nullptr) {
        output_ = kLoginVersion;
        append_text(output_, login_->user);
        append_text(output_, login_->password.bytes());
        awaits_ = Awaits::login;
    } else if (byte_at(answer_, 1) != 0xff) {
        fail("chooses a login that was not offered: method " + std::to_string(byte_at(answer_, 1)));
    } else if (login_ == nullptr) {
        fail(
            "wants a login: put the user into the URL of \"via\" and the password into its "
            "\"password_file\"");
    } else {
        fail("wants another login than a user and a password, and no other is known here");
    }
}

void SocksClient::ask_for_target() {
    output_ = {kSocks5, kConnect, 0};
    if (const auto address = IpAddress::parse(target_.host)) {
        const auto* const bytes = reinterpret_cast<const char*>(address->bytes.data());
        const std::size_t skipped = address->is_v4() ? 12 : 0;
        output_ += address->is_v4() ? kIpv4 : kIpv6;
        output_.append(bytes + skipped, address->bytes.size() - skipped);
    } else {
        output_ += kName;
        append_text(output_, target_.host);
    }
    output_ += static_cast<char>(target_.port >> 8U);
    output_ += static_cast<char>(target_.port & 0xffU);
    awaits_ = Awaits::answer;
}

void SocksClient::judge_answer() {
    const char kind = answer_[3];
    if (answer_[2] != 0 || (kind != kIpv4 && kind != kIpv6 && kind != kName)) {
        fail("is no SOCKS5 server; it says: " + shown(answer_));
    } else if (answer_[1] == 0) {
        step_ = ForwardStep::connected;
    } else {
        fail("opens no way to " + to_string(target_) + ": " + words_of(byte_at(answer_, 1)) +
             (answer_[1] == 2 ? "; have its administrator permit it"
                              : "; see whether the relay runs, and whether the SOCKS server knows "
                                "its name"));
    }
}

void SocksClient::ended(std::string_view how) {
    fail("ended the connection without an answer: " + std::string(how) +
         " (is it a SOCKS5 server?)");
}

void SocksClient::fail(std::string why) {
    failure_ = std::move(why);
    step_ = ForwardStep::failed;
}

}  // namespace inout
