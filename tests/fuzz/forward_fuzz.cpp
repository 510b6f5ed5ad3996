// The first bytes of a forward proxy's client, whole and cut: however they arrive, the same is
// asked for and answered, no byte behind the request is taken, and what is asked for can be
// dialled. The same of what follows a head: as the content of a request, and as a response.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/wire/forward_answer.hpp"
#include "common/wire/forward_reader.hpp"
#include "common/wire/http_closing.hpp"
#include "common/wire/http_content.hpp"
#include "common/wire/http_head.hpp"
#include "demand.hpp"

namespace {

using namespace inout;
using State = ForwardReader::State;

struct Talk {
    ForwardReader reader;
    State state = State::more;
    std::size_t taken = 0;
    std::string said{};
};

Talk talk(std::string_view bytes, const ForwardUsers* users, std::size_t step) {
    Talk made{ForwardReader(users)};
    unsigned answers = 0;
    while (made.taken < bytes.size()) {
        const std::string_view piece = bytes.substr(made.taken, step);
        const auto read = made.reader.feed(piece);
        demand(read.taken <= piece.size());
        demand(read.state != State::more || read.taken == piece.size());
        made.taken += read.taken;
        made.said += read.answer;
        made.state = read.state;
        if (read.state == State::say) demand(!read.answer.empty() && ++answers <= 2);
        if (read.state == State::request || read.state == State::refused) break;
    }
    demand(made.taken <= kHttpHeadMaxBytes + 1);
    return made;
}

/// How much of `bytes` is content, as pieces of that size tell.
std::size_t content_of(const HttpFields& fields, std::string_view bytes, std::size_t step) {
    auto content = HttpContent::of(fields);
    demand(content.has_value());
    std::size_t taken = 0;
    while (taken < bytes.size() && !content->is_over() && !content->is_broken()) {
        const std::string_view piece = bytes.substr(taken, step);
        const std::size_t size = content->take(piece);
        demand(size <= piece.size());
        demand(size == piece.size() || content->is_over() || content->is_broken());
        taken += size;
    }
    return taken;
}

/// `bytes` with the field put in where it is due.
std::string closed(std::string_view bytes, std::size_t step) {
    HttpClosing closing;
    std::string all;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
        std::string_view piece = bytes.substr(0, step);
        while (!piece.empty()) {
            const std::size_t size = closing.pass(piece);
            demand(size <= piece.size());
            all += piece.substr(0, size);
            piece.remove_prefix(size);
            const bool is_due = closing.take_due();
            demand(is_due || piece.empty());
            if (is_due) all += HttpClosing::kField;
        }
    }
    return all;
}

void follow_head(std::string_view bytes, std::size_t step) {
    for (const std::string text : {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                   "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"}) {
        const auto head = parse_http_head(text);
        demand(bool(head));
        const HttpFields& fields = head.value().fields;
        demand(content_of(fields, bytes, bytes.size() + 1) == content_of(fields, bytes, step));
    }
    const std::string whole = closed(bytes, bytes.size() + 1);
    demand(whole == closed(bytes, step));
    demand(whole.size() == bytes.size() ||
           whole.size() == bytes.size() + HttpClosing::kField.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view answers = text_of(data, size);
    const std::size_t wanted = socks5_answer_bytes(answers);
    demand(wanted > 0 && wanted <= kSocks5AnswerMaxBytes);
    (void)socks5_answer_failure(answers.substr(0, wanted));
    static const ForwardUsers known = ForwardUsers::parse("u:p\n").value();
    const ForwardUsers* const users = data[0] >= 128 ? &known : nullptr;
    const std::string_view bytes = text_of(data, size).substr(1);
    follow_head(bytes, 1 + data[0] % 64);
    const Talk whole = talk(bytes, users, bytes.size() + 1),
               cut = talk(bytes, users, 1 + data[0] % 64);
    demand(whole.state == cut.state && whole.taken == cut.taken && whole.said == cut.said);
    if (whole.state == State::refused) {
        demand(whole.reader.failure() == cut.reader.failure());
        demand(whole.said.empty() == !whole.reader.protocol());
    }
    if (whole.state != State::request) return 0;
    const ForwardRequest &one = whole.reader.request(), &other = cut.reader.request();
    demand(one.target == other.target && one.user == other.user && one.kind == other.kind);
    demand(one.head == other.head && one.path == other.path);
    if (one.kind == ForwardRequest::Kind::path) {
        demand(one.path.starts_with('/') && one.head.ends_with("\r\n\r\n"));
        return 0;
    }
    const auto head = parse_http_head(one.head);
    const bool has_room = one.head.size() < kHttpHeadMaxBytes - 512 && head &&
                          head.value().fields.all.size() < kHttpFieldsMax - 1;
    if (one.kind == ForwardRequest::Kind::absolute && has_room) {
        // What goes on is one request, which asks for the same.
        const std::string on = origin_request(one);
        const Talk next = talk(on, nullptr, on.size());
        demand(next.state == State::request && next.taken == on.size());
        demand(next.reader.request().kind == ForwardRequest::Kind::path);
        demand(next.reader.request().path == one.path);
    }
    const auto again = forward_target(one.target.host, one.target.port);
    demand(again && *again == one.target);
    demand(users == nullptr || one.user == "u");
    return 0;
}
