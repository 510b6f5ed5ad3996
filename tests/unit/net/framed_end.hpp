// A layer of frames over memory, whose peer is the test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "../stream_frames.hpp"
#include "common/net/stream_framing.hpp"
#include "memory_wire.hpp"

namespace inout {

/// What one read gave: bytes, or "end", or the error.
inline std::string read_once(ByteLayer& layer, std::size_t size = 20'000) {
    std::string buffer(size, '\0');
    const ssize_t n = layer.read(buffer);
    const int error = errno;
    if (n > 0) return buffer.substr(0, static_cast<std::size_t>(n));
    if (n == 0) return "end";
    switch (error) {
        case EAGAIN: return "nothing";
        case ECONNRESET: return "reset";
        case EPROTO: return "broken";
        default: return std::to_string(error);
    }
}

/// One end, whose peer is the test.
class FramedEnd : public testing::Test {
  protected:
    void begin(StreamFraming& framing) {
        Unread none(below);
        framing.begin_sending();
        framing.begin_receiving(none);
    }
    void SetUp() override {
        begin(requester);
        begin(responder);
    }
    /// The same, and errno of it.
    static std::pair<ssize_t, int> write(ByteLayer& layer, std::string_view data) {
        const ssize_t n = layer.write(data);
        return {n, n < 0 ? errno : 0};
    }

    using Role = StreamFraming::Role;
    using Settled = StreamFraming::Settled;

    MemoryEnd below;
    StreamFraming requester{below, Role::requester}, responder{below, Role::responder};
};

}  // namespace inout
