// One direction of a WebSocket as a peer may send it, and both heads of its handshake: however the
// bytes are cut, the same comes out, and nothing more once the rules were broken.
//
// The first byte says who reads, or that it is a head; the second how the rest is cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/http_fields.hpp"
#include "common/wire/websocket_frame.hpp"
#include "common/wire/websocket_handshake.hpp"
#include "demand.hpp"

namespace {

using namespace inout;
using End = WebSocketReader::End;

struct Read {
    std::string content, pings;
    WebSocketReader reader;
};

/// In pieces of 1 to `largest` bytes, each in memory of its own.
Read read_in_pieces(std::string_view bytes, WebSocketRole role, std::size_t largest) {
    Read read{{}, {}, WebSocketReader(role)};
    std::minstd_rand random(static_cast<unsigned>(largest));
    while (!bytes.empty()) {
        const std::size_t size = std::min<std::size_t>(bytes.size(), 1 + random() % largest);
        std::vector<char> piece(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        const End before = read.reader.end();
        const std::size_t content = read.reader.take(piece);
        demand(content <= size && (content == 0 || before == End::none));
        demand(before == End::none || read.reader.end() == before);
        read.content.append(piece.data(), content);
        while (const auto ping = read.reader.next_ping()) {
            demand(ping->size() <= kWebSocketControlMaxBytes);
            read.pings += *ping;
        }
        bytes.remove_prefix(size);
    }
    demand((read.reader.end() == End::broken) == !read.reader.problem().empty());
    return read;
}

/// What was read, written again, is read as the same.
void write_again(const std::string& content, WebSocketRole reads) {
    const WebSocketMask mask{'m', 'a', '\0', '\xff'};
    const bool masked = reads == WebSocketRole::server;
    std::string bytes(websocket_header(WebSocketOpcode::binary, content.size(),
                                       masked ? std::optional(mask) : std::nullopt)
                          .view());
    bytes += content;
    if (masked) apply_mask(std::span(bytes).last(content.size()), mask);
    demand(read_in_pieces(bytes, reads, 1'000).content == content);
}

void look_at_heads(std::string_view bytes) {
    const auto size = http_head_size(bytes);
    if (!size) return;
    demand(*size <= bytes.size());
    const std::string_view head = bytes.substr(0, *size);
    const WebSocketAnswer answer = answer_websocket(head, "/inout");
    demand(http_head_size(answer.bytes).has_value());
    demand(answer.status == 101 || answer.status >= 400);
    demand(answer.status == 101 || !answer.client);
    (void)websocket_refusal(head, "dGhlIHNhbXBsZSBub25jZQ==");
    (void)parse_websocket_url(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view bytes = text_of(data + 2, size - 2);
    if ((data[0] & 2U) != 0) {
        look_at_heads(bytes);
        return 0;
    }
    const auto role = (data[0] & 1U) != 0 ? WebSocketRole::server : WebSocketRole::client;
    const Read one = read_in_pieces(bytes, role, 1 + data[1]);
    for (const std::size_t largest : {std::size_t{3}, size}) {
        const Read other = read_in_pieces(bytes, role, largest);
        demand(one.content == other.content && one.reader.end() == other.reader.end());
        demand(one.reader.problem() == other.reader.problem());
        demand(one.reader.status() == other.reader.status());
    }
    write_again(one.content, role);
    return 0;
}
