// Whatever a peer sends, decode returns; and what it accepts is encoded into one frame that a 0.0.1
// peer can read, and read back as the same message. (The first encoding may say more than the peer
// did: an absent ext is written, because ours always has one. From then on nothing changes.)
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../unit/json_events.hpp"
#include "common/protocol/frame.hpp"
#include "common/protocol/message.hpp"

namespace {

using namespace inout;

void demand(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    demand(is_plain_and_same(body).has_value());
    const auto message = decode(body);
    if (!message) return 0;
    const std::string frame = encode(*message);
    demand(frame.size() <= kFrameSendMaxBytes);
    const auto again = decode(std::string_view(frame).substr(kFrameHeaderBytes));
    demand(static_cast<bool>(again));
    demand(again->index() == message->index());
    demand(encode(*again) == frame);
    return 0;
}
