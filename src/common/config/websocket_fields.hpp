// The keys of WebSocket, as of fields.hpp, which alone includes this. Pure; keeps nothing.
#pragma once

#include "common/base/websocket_url.hpp"
#include "common/config/reader.hpp"
#include "common/config/rules.hpp"
#include "common/config/types.hpp"

namespace inout {

/// Of in and out.
template <class Fields>
void visit_websocket(Fields& fields, std::optional<WebSocketOptions>& websocket) {
    fields.object("websocket", websocket, [](auto& entry, WebSocketOptions& options) {
        entry.text("ca", options.ca, check_file_name);
        entry.host("server_name", options.server_name);
    });
}

inline std::optional<std::string> check_websocket(std::string_view text) {
    if (text == kWebSocketOff) return std::nullopt;
    const auto problem = check_websocket_path(text);
    return problem ? std::optional("must be \"off\", or the path of a URL: it " + *problem)
                   : std::nullopt;
}

/// Of the proxy.
template <class Fields>
void visit_websocket(Fields& fields, std::string& path) {
    fields.text("websocket", path, check_websocket);
}

}  // namespace inout
