#include "common/wire/http_tunnel.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "common/base/utf8.hpp"
#include "common/wire/http_text.hpp"

namespace inout {
namespace {

constexpr std::string_view kVersionBegin = "HTTP/1.";
/// Of what the proxy calls its answer.
constexpr std::size_t kReasonShown = 80;

struct AnswerField {
    std::string name;  // in lower case
    std::string_view value;
};

/// An answer's head, cut into its parts.
struct AnswerHead {
    unsigned minor = 0, code = 0;
    std::string status;  // for people
    std::vector<AnswerField> fields;

    bool has(std::string_view name) const {
        return std::any_of(fields.begin(), fields.end(),
                           [&](const AnswerField& each) { return each.name == name; });
    }
    /// Whether one of the fields lists this word.
    bool says(std::string_view name, std::string_view word) const {
        return std::any_of(fields.begin(), fields.end(), [&](const AnswerField& each) {
            return each.name == name && has_list_item(each.value, word);
        });
    }
};

/// Nothing: it is no answer of HTTP/1.
std::optional<AnswerHead> parse_answer_head(std::string_view text) {
    AnswerHead head;
    bool is_first = true;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (std::any_of(line.begin(), line.end(), [](char c) {
                return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
            })) {
            return std::nullopt;
        }
        if (is_first) {
            // HTTP/1.1 200 Connection established; the words may be missing.
            const auto is_digit = [&](std::size_t at) {
                return line[at] >= '0' && line[at] <= '9';
            };
            if (line.size() < 12 || !line.starts_with(kVersionBegin) || !is_digit(7) ||
                line[8] != ' ' || !is_digit(9) || !is_digit(10) || !is_digit(11) ||
                (line.size() > 12 && line[12] != ' ')) {
                return std::nullopt;
            }
            head.minor = static_cast<unsigned>(line[7] - '0');
            std::from_chars(line.data() + 9, line.data() + 12, head.code);
            head.status = line.substr(9, 4 + kReasonShown);
            head.status = visible(without_blanks(head.status));
            is_first = false;
        } else if (!line.empty()) {
            const std::size_t colon = line.find(':');
            if (colon == line.npos || !is_http_token(line.substr(0, colon))) return std::nullopt;
            head.fields.push_back(
                {in_lower_case(line.substr(0, colon)), without_blanks(line.substr(colon + 1))});
        }
    }
    return head;
}

/// How long the page behind a head is, if that is told for certain.
std::optional<std::size_t> page_of(const AnswerHead& head) {
    std::optional<std::size_t> size;
    for (const AnswerField& each : head.fields) {
        if (each.name == "transfer-encoding") return std::nullopt;
        if (each.name != "content-length") continue;
        std::size_t one = 0;
        const char* const end = each.value.data() + each.value.size();
        const auto [at, error] = std::from_chars(each.value.data(), end, one);
        if (error != std::errc() || at != end || (size && *size != one)) return std::nullopt;
        size = one;
    }
    return size;
}

bool goes_on(const AnswerHead& head) {
    for (const std::string_view name : {"connection", "proxy-connection"}) {
        if (head.says(name, "close")) return false;
    }
    return head.minor >= 1 || head.says("connection", "keep-alive") ||
           head.says("proxy-connection", "keep-alive");
}

std::string names_of(const std::vector<HttpChallenge>& challenges) {
    std::string names;
    for (const HttpChallenge& each : challenges) {
        if (names.size() > kReasonShown) return names + ", …";
        names += (names.empty() ? "" : ", ") + each.scheme;
    }
    return visible(names.empty() ? "nothing that is known" : names);
}

}  // namespace

HttpTunnel::HttpTunnel(const HostPort& target, const ForwardLogin* login, std::string cnonce)
    : target_(target), place_(to_string(target)), login_(login), cnonce_(std::move(cnonce)) {
    ask_again(true);
}

void HttpTunnel::ask_again(bool here) {
    output_ = "CONNECT " + place_ + " HTTP/1.1\r\nHost: " + place_ + "\r\n";
    if (!authorization_.empty()) output_ += "Proxy-Authorization: " + authorization_ + "\r\n";
    output_ += "\r\n";
    head_.clear();
    heads_ = line_ = 0;
    in_page_ = false;
    again_here_ = here && logins_ > 0;
    step_ = here ? ForwardStep::talk : ForwardStep::redial;
}

std::string HttpTunnel::output() {
    if (step_ == ForwardStep::redial) step_ = ForwardStep::talk;
    return std::exchange(output_, {});
}

std::size_t HttpTunnel::take(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && step_ == ForwardStep::talk && output_.empty()) {
        if (in_page_) {
            const std::size_t size = std::min(page_left_, bytes.size() - taken);
            page_left_ -= size;
            taken += size;
            if (page_left_ == 0) ask_again(true);
            continue;
        }
        const bool is_whole = add_to_head(bytes[taken++]);
        if (is_head_odd()) {
            fail("is no HTTP proxy; it says: " + shown(head_ + std::string(bytes.substr(taken))));
        } else if (is_whole) {
            judge_head();
        }
    }
    return taken;
}

/// Whether the head is whole.
bool HttpTunnel::add_to_head(char c) {
    head_ += c;
    if (heads_ + head_.size() > kTunnelHeadMaxBytes) {
        fail("answers with more than " + std::to_string(kTunnelHeadMaxBytes) +
             " bytes before its page; is it an HTTP proxy?");
        return false;
    }
    if (c != '\n') return false;
    const std::string_view line = std::string_view(head_).substr(line_);
    line_ = head_.size();
    return line == "\n" || line == "\r\n";
}

/// As early as it can be told, or a service that waits for its turn would be waited for.
bool HttpTunnel::is_head_odd() const {
    const std::string_view begin = std::string_view(head_).substr(0, kVersionBegin.size());
    return !kVersionBegin.starts_with(begin);
}

void HttpTunnel::judge_head() {
    const auto head = parse_answer_head(head_);
    if (!head) {
        fail("answers what is no HTTP: " + shown(head_));
        return;
    }
    if (head->code >= 100 && head->code < 200 && head->code != 101) {  // an answer is on its way
        heads_ += head_.size();
        head_.clear();
        line_ = 0;
        return;
    }
    if (head->code >= 200 && head->code < 300) {
        step_ = ForwardStep::connected;
        return;
    }
    if (head->code != 407) {
        refused(head->code, head->status);
        return;
    }
    std::vector<HttpChallenge> challenges;
    for (const AnswerField& each : head->fields) {
        if (each.name != "proxy-authenticate") continue;
        for (HttpChallenge& one : parse_challenges(each.value))
            challenges.push_back(std::move(one));
    }
    if (login_ == nullptr) {
        fail(head->status + ": it wants a user and a password (offers " + names_of(challenges) +
             "); put the user into the URL of \"via\" and the password into its \"password_file\"");
        return;
    }
    const HttpChallenge* const best = strongest(challenges);
    if (best == nullptr) {
        fail(head->status + ": offers " + names_of(challenges) +
             ", and only Basic and Digest (MD5 or SHA-256, qop=auth) are known here; have its "
             "administrator offer one of them");
        return;
    }
    if (logins_ > 0 && !(logins_ == 1 && best->scheme == "digest" && is_stale(*best))) {
        fail(head->status + ": it does not take the password of \"" + visible(login_->user) +
             "\"; see whether both are right");
        return;
    }
    ++logins_;
    authorization_ = login_for(*best, *login_, {"CONNECT", place_, cnonce_, 1});
    const auto page = page_of(*head);
    if (!goes_on(*head) || !page || *page > kTunnelPageMaxBytes) {
        ask_again(false);
    } else if (*page == 0) {
        ask_again(true);
    } else {
        in_page_ = true;
        page_left_ = *page;
    }
}

void HttpTunnel::refused(unsigned code, const std::string& status) {
    const std::string port = std::to_string(target_.port);
    switch (code) {
        case 400:
        case 403:
        case 405:
            fail(status +
                 ": it does not permit this tunnel; have its administrator permit CONNECT to " +
                 place_ + (target_.port == 443 ? "" : ", or let the relay listen on port 443"));
            return;
        case 500:
        case 502:
        case 503:
        case 504:
            fail(status + ": it can not reach " + place_ +
                 "; see whether the relay runs, and whether the forward proxy knows its name");
            return;
        default: fail(status + ": it opens no tunnel to " + place_);
    }
}

void HttpTunnel::ended(std::string_view how) {
    // It may have ended before it saw the second request, as any server between two.
    if (in_page_ || (again_here_ && head_.empty() && heads_ == 0)) {
        ask_again(false);
    } else {
        fail("ended the connection without an answer: " + std::string(how) +
             " (is it an HTTP proxy?)");
    }
}

void HttpTunnel::fail(std::string why) {
    failure_ = std::move(why);
    step_ = ForwardStep::failed;
}

}  // namespace inout
