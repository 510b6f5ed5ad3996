#include "out/stream_answer.hpp"

#include <memory>
#include <utility>

#include "common/base/log.hpp"
#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"
#include "common/open/end_to_end.hpp"
#include "out/exit.hpp"

namespace inout::out {
namespace {

Response answer_to(const DataActiveRequest& active, Reason reason = {Code::none, {}}) {
    return Response{.magic = active.magic,
                    .request = "DataActiveRequest",
                    .message = std::move(reason.detail),
                    .ext = true,
                    .code = reason.code};
}

/// Answers a request for a stream, behind which that begins. `zstd`: agrees to what it offers.
Task<std::error_code> accept_stream(Connection& proxy, const DataActiveRequest& active,
                                    bool zstd = false) {
    Response response = answer_to(active);
    response.zstd = zstd;
    const Message answer = std::move(response);
    const auto error = co_await write_message(proxy, answer);
    if (proxy.framing() != nullptr) proxy.framing()->begin_sending();
    co_return error;
}

/// Whether this stream is compressed: if both sides want that.
bool is_compressed(const Connection& proxy, const Network& network,
                   const DataActiveRequest& active) {
    if (network.config.compression == Compression::off) return false;
    const bool wanted = network.e2e ? proxy.tls()->agreed_compression() : active.zstd.has_value();
    if (!wanted && !network.uncompressed->exchange(true)) {
        log::info("not compressed",
                  {{"topic", network.config.topic},
                   {"server", to_string(network.config.server)},
                   {"reason", "in does not offer it, or in or the proxy does not know it"}});
    }
    return wanted;
}

}  // namespace

Task<> give_up(std::optional<Opening>& opening, Connection& proxy, const DataActiveRequest& active,
               Reason reason) {
    opening->failed(reason);
    opening.reset();  // the farewell is no part of it
    Response answer = answer_to(active, std::move(reason));
    answer.retry = true;  // the backend has got nothing of it
    co_await refuse(proxy, std::move(answer));
}

bool take_framing(Connection& proxy, const DataActiveRequest& active) {
    const unsigned used = proxy.framing() != nullptr ? proxy.framing()->uses() : 0;
    if (active.use == 0) return used == 0;
    if (active.use != used + 1) return false;
    if (used == 0) proxy.frame(StreamFraming::Role::responder);
    proxy.receive_stream();
    return true;
}

Task<std::optional<Reason>> meet_in(Connection& proxy, const Network& network,
                                    const DataActiveRequest& active) {
    Deadline deadline(proxy);
    deadline.expires_after(network.times.open_timeout);
    if (const auto error = co_await accept_stream(proxy, active)) {
        co_return Reason{Code::proxy_gone, error.message()};
    }
    // Of a pattern it is the topic that in has asked for which binds the key.
    const auto keys =
        network.config.pattern ? network.e2e->for_topic(topic_of(network, active)) : network.e2e;
    auto session = std::make_unique<TlsSession>(keys->session());
    auto failure = co_await meet(proxy, std::move(session), "in");
    co_return failure;
}

Task<std::optional<Reason>> tell_it_is_there(Connection& proxy, const Network& network,
                                             const DataActiveRequest& active) {
    Deadline deadline(proxy);
    // A session may wait for its peer even to write.
    if (proxy.tls() != nullptr) deadline.expires_after(network.times.open_timeout);
    const bool compressed = is_compressed(proxy, network, active);
    std::error_code error;
    if (network.e2e) {
        const Message answer = answer_to(active);
        error = co_await write_message(proxy, answer);
    } else {
        error = co_await accept_stream(proxy, active, compressed);
    }
    if (compressed) {
        proxy.compress();
        proxy.compressed()->begin_sending();
        proxy.receive_compressed(network.e2e ? 0 : *active.zstd);
    }
    if (!error) co_return std::nullopt;
    co_return Reason{Code::proxy_gone, proxy.has_expired() ? "takes no bytes" : error.message()};
}

}  // namespace inout::out
