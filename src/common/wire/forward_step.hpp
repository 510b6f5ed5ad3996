// What a conversation with a forward proxy needs next; of wire/http_tunnel and wire/socks_client.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace inout {

enum class ForwardStep : std::uint8_t {
    talk,       ///< send what is to be sent, then give what comes
    redial,     ///< the same on another connection: this one can not be used any more
    connected,  ///< what was not taken is the other side's, and all that comes
    failed,
};

/// Of what somebody says who should not be there: its beginning, for people.
std::string shown(std::string_view seen);

}  // namespace inout
