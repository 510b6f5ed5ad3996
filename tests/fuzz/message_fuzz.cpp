// Whatever a peer sends, decode returns; and what it accepts is encoded into one frame that a 0.0.1
// peer can read, and read back as the same message. (The first encoding may say more than the peer
// did: an absent ext is written, because ours always has one. From then on nothing changes.)
#include <cstddef>
#include <cstdint>

#include "../unit/json_events.hpp"
#include "crossing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace inout;
    const auto body = text_of(data, size);
    demand(is_plain_and_same(body).has_value());
    const auto message = decode(body);
    if (!message) return 0;
    const Message again = crossed(*message);
    demand(again.index() == message->index());
    demand(encode(again) == encode(*message));
    return 0;
}
