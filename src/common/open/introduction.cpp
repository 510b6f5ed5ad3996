#include "common/open/introduction.hpp"

#include "common/base/random.hpp"
#include "common/net/deadline.hpp"

namespace inout {
namespace {

Message introduction(const ProxyLink& proxy_link, Connection& connection, bool probe = false) {
    Message request = InWarmRequest{.magic = random_hex(kMagicDigits),
                                    .version = std::string(kVersion),
                                    .reuse = !probe,
                                    .framed = connection.stays_framed(),
                                    .hop = proxy_link.is_for_hops(),
                                    .probe = probe};
    proxy_link.prove(request, connection);
    return request;
}

}  // namespace

Task<Heard> introduce(const ProxyLink& proxy_link, Connection& connection, bool probe) {
    const Message request = introduction(proxy_link, connection, probe);
    auto heard = co_await exchange(connection, request);
    co_return heard;
}

Task<> leave(std::shared_ptr<const ProxyLink> proxy_link, [[maybe_unused]] Budget::Places places,
             ConnectionPtr connection) {
    Connection& proxy = *connection;
    if (proxy.tls() == nullptr) co_return;
    Deadline deadline(proxy);
    deadline.expires_after(kFarewell);
    const Message request = introduction(*proxy_link, proxy);
    const auto error = co_await write_message(proxy, request);
    deadline.cancel();
    if (!error) co_await say_farewell(proxy);
}

}  // namespace inout
