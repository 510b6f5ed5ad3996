// Sending a message, and receiving it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "common/wire/frame.hpp"
#include "common/wire/message.hpp"
#include "demand.hpp"

namespace inout {

/// The message as its receiver has it: one frame that a 0.0.1 peer can read carries it.
inline Message crossed(const Message& message) {
    const std::string frame = encode(message);
    demand(frame.size() <= kFrameSendMaxBytes);
    auto received = decode(std::string_view(frame).substr(kFrameHeaderBytes));
    demand(static_cast<bool>(received));
    return std::move(*received);
}

}  // namespace inout
