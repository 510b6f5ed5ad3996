#include "common/net/proxy_header_io.hpp"

namespace inout {

Task<Result<ProxyHeader, NoProxyHeader>> receive_proxy_header(Connection& connection) {
    while (true) {
        const auto header = parse_proxy_header(connection.unread());
        if (!header) {
            co_return Failure{NoProxyHeader{"no PROXY protocol header: " + header.error()}};
        }
        if (header->is_whole) {
            connection.take(header->size);
            if (header->route) connection.speaks_for(to_endpoint(header->route->source));
            co_return *header;
        }
        const auto error = co_await connection.read_ahead(header->size);
        if (!error) continue;
        // What came with the end may be the reason.
        if (const auto begun = parse_proxy_header(connection.unread()); !begun) continue;
        const bool silent = connection.unread().empty() && !connection.has_expired();
        const std::string why = connection.has_expired() ? "in time" : "before it went";
        co_return Failure{NoProxyHeader{"no PROXY protocol header " + why, silent}};
    }
}

}  // namespace inout
