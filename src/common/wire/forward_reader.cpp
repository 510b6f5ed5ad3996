#include "common/wire/forward_reader.hpp"

#include <algorithm>
#include <utility>

#include "common/base/address_range.hpp"
#include "common/base/secret.hpp"
#include "common/wire/http_head.hpp"

namespace inout {
namespace {

constexpr char kSocks4 = 4, kSocks5 = 5, kPasswordVersion = 1, kConnect = 1;
constexpr char kIpv4 = 1, kName = 3, kIpv6 = 4;
constexpr char kNoMethod = '\xff', kNoCredentials = 0, kPassword = 2;
/// Of SOCKS4: version, command, port and address; then the user, and the name of 4a, each with a
/// NUL behind it.
constexpr std::size_t kSocks4Bytes = 8;
/// Of SOCKS5, before the address: version, command, a reserved byte, the kind of address.
constexpr std::size_t kSocks5Bytes = 4;
constexpr std::size_t kPortBytes = 2;
constexpr std::string_view kEmptyLine = "\r\n\r\n";

std::size_t byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

std::uint16_t port_at(std::string_view text, std::size_t at) {
    return static_cast<std::uint16_t>((byte_at(text, at) << 8) | byte_at(text, at + 1));
}

std::string ipv4_text(std::string_view bytes) {
    IpAddress address = IpAddress::parse("0.0.0.0").value();
    std::copy(bytes.begin(), bytes.end(), address.bytes.end() - 4);
    return address.text();
}

/// An IPv4 address inside one (::ffff:0:0/96) is that address, and judged as that.
std::string ipv6_text(std::string_view bytes) {
    IpAddress address;
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    return address.text();
}

/// "Basic" and the base64 of NAME:PASSWORD (RFC 7617, 2).
std::optional<std::pair<std::string, Secret>> basic_credentials(std::string_view value) {
    constexpr std::string_view kScheme = "basic ";
    const bool is_basic =
        value.size() > kScheme.size() &&
        std::equal(kScheme.begin(), kScheme.end(), value.begin(), [](char expected, char c) {
            return expected == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
        });
    if (!is_basic) return std::nullopt;
    auto both = from_base64(value.substr(kScheme.size()));
    if (!both) return std::nullopt;
    const auto colon = both->find(':');
    std::optional<std::pair<std::string, Secret>> credentials;
    if (colon <= kForwardWordMaxBytes) {  // there is one
        credentials.emplace(both->substr(0, colon),
                            Secret(std::string_view(*both).substr(colon + 1)));
    }
    wipe(both->data(), both->size());
    return credentials;
}

/// What the log and others are shown of a user: no control characters.
bool is_user_name(std::string_view text) {
    return text.size() <= kForwardWordMaxBytes &&
           std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

}  // namespace

/// Takes no more than the piece that is read now needs, and judges it when it is whole.
ForwardReader::Step ForwardReader::feed(std::string_view bytes) {
    Step step;
    while (step.state == State::more && step.taken < bytes.size()) {
        if (expected_ == Expected::first_byte && !begin(bytes[step.taken])) {
            step.state = refuse(ForwardFailure::malformed, step.answer);
            return step;
        }
        const std::string_view piece = bytes.substr(step.taken, whole() - kept_.size());
        kept_ += piece;
        step.taken += piece.size();
        if (const auto failure = excess()) {
            step.state = refuse(*failure, step.answer);
        } else if (kept_.size() == whole()) {
            step.state = judge(step.answer);
            wipe(kept_.data(), kept_.size());  // it may have been a password
            kept_.clear();
        }
    }
    return step;
}

bool ForwardReader::begin(char first) {
    if (first == kSocks5) {
        protocol_ = ForwardProtocol::socks5;
        expected_ = Expected::methods;
    } else if (first == kSocks4) {
        protocol_ = ForwardProtocol::socks4;
        expected_ = Expected::socks4;
    } else if (first >= 'A' && first <= 'Z') {
        protocol_ = ForwardProtocol::http;
        expected_ = Expected::http;
    } else {
        return false;
    }
    request_.protocol = *protocol_;
    return true;
}

std::size_t ForwardReader::whole() const {
    const std::size_t size = kept_.size();
    switch (expected_) {
        case Expected::first_byte: break;
        case Expected::socks4: return whole_socks4();
        case Expected::methods: return size < 2 ? 2 : 2 + byte_at(kept_, 1);
        case Expected::password: {
            if (size < 2) return 2;
            const std::size_t password = 2 + byte_at(kept_, 1);  // its length is there
            return size <= password ? password + 1 : password + 1 + byte_at(kept_, password);
        }
        case Expected::socks5: {
            if (size <= kSocks5Bytes) return kSocks5Bytes + 1;
            const char kind = kept_[kSocks5Bytes - 1];
            if (kind == kIpv4) return kSocks5Bytes + 4 + kPortBytes;
            if (kind == kIpv6) return kSocks5Bytes + 16 + kPortBytes;
            if (kind == kName) return kSocks5Bytes + 1 + byte_at(kept_, kSocks5Bytes) + kPortBytes;
            return size;  // nobody knows where it would end
        }
        case Expected::http: return kept_.ends_with(kEmptyLine) ? size : size + 1;
    }
    return size + 1;
}

std::size_t ForwardReader::whole_socks4() const {
    if (kept_.size() < kSocks4Bytes) return kSocks4Bytes;
    const auto user = kept_.find('\0', kSocks4Bytes);
    if (user == kept_.npos) return kept_.size() + 1;
    if (!has_name_behind()) return user + 1;
    const auto name = kept_.find('\0', user + 1);
    return name == kept_.npos ? kept_.size() + 1 : name + 1;
}

/// SOCKS4a: the address is 0.0.0.x, x not 0.
bool ForwardReader::has_name_behind() const {
    return kept_.substr(4, 3) == std::string_view("\0\0\0", 3) && kept_[7] != '\0';
}

std::optional<ForwardFailure> ForwardReader::excess() const {
    const std::size_t size = kept_.size();
    if (expected_ == Expected::socks4) {
        const auto user = size < kSocks4Bytes ? 0 : kept_.find('\0', kSocks4Bytes);
        const std::size_t begin = user == kept_.npos || user == 0 ? kSocks4Bytes : user + 1;
        if (size > begin + kForwardWordMaxBytes + 1) return ForwardFailure::malformed;
    }
    if (expected_ == Expected::http) {
        // A line that ends with LF alone would be taken for two by others (RFC 9112, 2.2).
        if (kept_.ends_with('\n') && !kept_.ends_with("\r\n")) return ForwardFailure::malformed;
        if (size > kHttpHeadMaxBytes) return ForwardFailure::too_long;
    }
    return std::nullopt;
}

ForwardReader::State ForwardReader::judge(std::string& answer) {
    switch (expected_) {
        case Expected::first_byte: break;
        case Expected::socks4: return judge_socks4(answer);
        case Expected::methods: return judge_methods(answer);
        case Expected::password: return judge_password(answer);
        case Expected::socks5: return judge_socks5(answer);
        case Expected::http: return judge_http(answer);
    }
    return refuse(ForwardFailure::malformed, answer);
}

/// RFC 1928, 3. Where nobody has to say who it is, it may all the same.
ForwardReader::State ForwardReader::judge_methods(std::string& answer) {
    const auto offers = [&](char method) { return kept_.find(method, 2) != kept_.npos; };
    if (users_ == nullptr && offers(kNoCredentials)) {
        answer = {kSocks5, kNoCredentials};
        expected_ = Expected::socks5;
        return State::say;
    }
    if (!offers(kPassword)) {
        failure_ = ForwardFailure::credentials;
        answer = {kSocks5, kNoMethod};
        return State::refused;
    }
    answer = {kSocks5, kPassword};
    expected_ = Expected::password;
    return State::say;
}

/// RFC 1929, 2.
ForwardReader::State ForwardReader::judge_password(std::string& answer) {
    const std::size_t user_bytes = byte_at(kept_, 1);
    const std::string_view user = std::string_view(kept_).substr(2, user_bytes);
    const std::string_view password = std::string_view(kept_).substr(3 + user_bytes);
    const bool good = kept_.front() == kPasswordVersion && is_user_name(user) &&
                      (users_ == nullptr || users_->accept(user, password));
    answer = {kPasswordVersion, good ? '\0' : '\1'};
    if (!good) {
        failure_ = ForwardFailure::credentials;
        return State::refused;
    }
    request_.user = user;
    expected_ = Expected::socks5;
    return State::say;
}

/// RFC 1928, 4.
ForwardReader::State ForwardReader::judge_socks5(std::string& answer) {
    if (kept_[0] != kSocks5 || kept_[2] != 0) return refuse(ForwardFailure::malformed, answer);
    const std::string_view rest = std::string_view(kept_).substr(kSocks5Bytes);
    std::string host;
    switch (kept_[kSocks5Bytes - 1]) {
        case kIpv4: host = ipv4_text(rest.substr(0, 4)); break;
        case kIpv6: host = ipv6_text(rest.substr(0, 16)); break;
        case kName: host = rest.substr(1, byte_at(rest, 0)); break;
        default: return refuse(ForwardFailure::address, answer);
    }
    return judge_target(host, port_at(kept_, kept_.size() - kPortBytes), answer);
}

ForwardReader::State ForwardReader::judge_socks4(std::string& answer) {
    const auto user_end = kept_.find('\0', kSocks4Bytes);
    request_.user = kept_.substr(kSocks4Bytes, user_end - kSocks4Bytes);
    if (!is_user_name(request_.user)) return refuse(ForwardFailure::malformed, answer);
    // It has a name for its user, and no password.
    if (users_ != nullptr) return refuse(ForwardFailure::credentials, answer);
    std::string host = ipv4_text(std::string_view(kept_).substr(4, 4));
    if (has_name_behind()) host = kept_.substr(user_end + 1, kept_.size() - user_end - 2);
    return judge_target(host, port_at(kept_, 2), answer);
}

ForwardReader::State ForwardReader::judge_target(const std::string& host, std::uint16_t port,
                                                 std::string& answer) {
    if (kept_[1] != kConnect) return refuse(ForwardFailure::command, answer);
    auto target = forward_target(host, port);
    if (!target) return refuse(ForwardFailure::malformed, answer);
    request_.target = std::move(*target);
    return State::request;
}

ForwardReader::State ForwardReader::judge_http(std::string& answer) {
    const auto head = parse_http_head(kept_);
    if (!head) return refuse(head.error(), answer);
    auto request = request_of(head.value());
    if (!request) return refuse(request.error(), answer);
    request_ = std::move(request.value());
    if (request_.kind != ForwardRequest::Kind::connect) request_.head = kept_;
    if (request_.kind == ForwardRequest::Kind::path) return State::request;
    constexpr std::string_view kField = "proxy-authorization";
    if (head.value().fields.count(kField) > 1) return refuse(ForwardFailure::malformed, answer);
    const auto given = basic_credentials(head.value().fields.first(kField).value_or(""));
    const bool good = given && is_user_name(given->first);
    if (users_ != nullptr && !(good && users_->accept(given->first, given->second.bytes()))) {
        return refuse(ForwardFailure::credentials, answer);
    }
    if (good) request_.user = given->first;
    return State::request;
}

ForwardReader::State ForwardReader::refuse(ForwardFailure failure, std::string& answer) {
    failure_ = failure;
    if (protocol_) answer = forward_failure(*protocol_, failure);
    return State::refused;
}

}  // namespace inout
