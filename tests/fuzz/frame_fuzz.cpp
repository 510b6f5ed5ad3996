// A stream of bytes read as a peer's frames are: no length makes us allocate more than the limit,
// and what passes is written back as the same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/wire/frame.hpp"
#include "common/wire/message.hpp"
#include "demand.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace inout;
    auto stream = text_of(data, size);
    std::size_t max_bytes = kFirstFrameBodyMaxBytes;  // a stranger's first message
    while (stream.size() >= kFrameHeaderBytes) {
        const auto length = frame_body_length(stream, max_bytes);
        if (!length) break;
        demand(*length >= kFrameBodyMinBytes && *length <= max_bytes);
        if (stream.size() - kFrameHeaderBytes < *length) break;
        const std::string_view frame = stream.substr(0, kFrameHeaderBytes + *length);
        const std::string_view body = frame.substr(kFrameHeaderBytes);
        demand(encode_frame(body) == frame);
        if (!decode(body)) break;
        stream.remove_prefix(frame.size());
        max_bytes = kFrameBodyMaxBytes;
    }
    return 0;
}
