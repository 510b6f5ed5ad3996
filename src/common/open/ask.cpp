#include "common/open/ask.hpp"

#include "common/open/end_to_end.hpp"
#include "common/open/proxy_words.hpp"

namespace inout {
namespace {

NotOpened unanswered(std::string detail) {
    return {{Code::proxy_unreachable, std::move(detail)}, false};
}

/// The proxy has connected us to out: the handshake with out, then the first bytes go on their way
/// while out dials its backend and says how that went. Nothing: the stream is open.
Task<std::optional<NotOpened>> meet_out(Asking& asking) {
    auto failure = co_await meet(asking.proxy, std::move(asking.e2e), "out");
    if (failure) co_return NotOpened{std::move(*failure)};
    const bool compressed = asking.proxy.tls()->agreed_compression();
    if (compressed) {
        asking.proxy.compress();
        asking.proxy.compressed()->begin_sending();
    }
    asking.early.pass_to(asking.proxy);
    const auto answer = co_await read_message(asking.proxy, kFrameBodyMaxBytes);
    asking.early.pause();
    if (!answer) co_return NotOpened{{Code::proxy_gone, to_string(answer.error())}};
    const auto* response = std::get_if<Response>(&*answer);
    if (response == nullptr) co_return NotOpened{{Code::malformed, "not a status of out"}};
    if (response->ok() && compressed) asking.proxy.receive_compressed();
    if (response->ok()) co_return std::nullopt;
    co_return NotOpened{.reason = {response->code, response->message},
                        .untouched = response->retry};
}

}  // namespace

const Response* Heard::response_to(std::string_view request_type) const {
    const auto* response = answer ? std::get_if<Response>(&*answer) : nullptr;
    return response != nullptr && response->answers(request_type) ? response : nullptr;
}

Task<Heard> exchange(Connection& to, const Message& request) {
    const auto write_error = co_await write_message(to, request);
    auto answer = co_await read_message(to, kFrameBodyMaxBytes);
    co_return Heard{std::move(answer), write_error};
}

std::string first_bytes(EarlyData& early, TlsSession* e2e) {
    if (e2e != nullptr) return e2e->first_flight();
    std::string first;
    early.append_to(first);
    return first;
}

Task<Heard> exchange(Connection& to, const Message& request, std::string first, EarlyData* early) {
    StreamFraming* const framing = to.framing();
    std::string frame = encode(request);
    if (framing != nullptr) {
        append_data(frame, first);
    } else {
        frame += first;
    }
    const auto write_error = co_await to.write_all(frame);
    if (framing != nullptr) framing->begin_sending(first.size());
    frame = first = {};  // the answer may take long
    // After a failed write too the answer is read: it may have been sent before.
    if (!write_error && early != nullptr) early->pass_to(to);
    auto answer = co_await read_message(to, kFrameBodyMaxBytes);
    if (early != nullptr) early->pause();
    co_return Heard{std::move(answer), write_error};
}

Task<Result<Response, NotOpened>> ask(Asking asking, const Message& request) {
    Connection& proxy = asking.proxy;
    const auto* const wanted = std::get_if<InRequest>(&request);
    const bool offers_reuse = wanted != nullptr && wanted->early.has_value();
    const std::size_t sent = asking.first.size();
    const bool has_said_how_much = offers_reuse || (wanted != nullptr && wanted->zstd);
    EarlyData* const more =
        asking.e2e || has_said_how_much || asking.holds ? nullptr : &asking.early;
    auto heard = co_await exchange(proxy, request, std::move(asking.first), more);
    if (!heard.answer && heard.write_error) {
        co_return Failure{
            unanswered(to_string(asking.server) + ": " + heard.write_error.message())};
    }
    if (!heard.answer) {
        const bool secured = asking.proxy.tls() != nullptr;
        co_return Failure{unanswered(why_no_answer(heard.answer.error(), asking.server, secured))};
    }
    const Response* response = heard.response_to(type_name(request));
    if (response == nullptr) {
        co_return Failure{unanswered(to_string(asking.server) + ": not an answer to the request")};
    }
    if (!response->ok()) {
        co_return Failure{
            NotOpened{.reason = {response->code, response->message},
                      .untouched = response->retry,
                      .has_ended = response->retry && response->request != type_name(request)}};
    }
    if (response->zstd && (wanted == nullptr || !wanted->zstd)) {
        co_return Failure{NotOpened{{Code::malformed, "agrees to what was not offered"}}};
    }
    if (offers_reuse && response->reuse) {
        proxy.frame(StreamFraming::Role::requester);
        proxy.framing()->nonce = response->nonce;
        proxy.framing()->begin_sending(sent);
    }
    if (proxy.framing() != nullptr) proxy.receive_stream();
    if (heard.write_error) asking.early.sink_was_lost(heard.write_error);
    if (asking.e2e) {
        auto failure = co_await meet_out(asking);
        if (failure && failure->untouched) failure->out = response->out;
        if (failure) co_return Failure{std::move(*failure)};
    }
    co_return std::get<Response>(std::move(*heard.answer));
}

}  // namespace inout
