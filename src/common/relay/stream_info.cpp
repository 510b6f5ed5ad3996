#include "common/relay/stream_info.hpp"

#include "common/base/log.hpp"

namespace inout {

void log_end(const StreamInfo& info, std::uint64_t bytes_up, std::uint64_t bytes_down,
             Clock::time_point opened, const StreamEnd& end) {
    const auto milliseconds = [](Clock::duration d) {
        return std::chrono::duration_cast<Milliseconds>(d).count();
    };
    log::limited(log::Level::info, log::Kind::stream, "stream", info.topic,
                 {{"id", info.id},
                  {"topic", info.topic},
                  {"client", info.client},
                  {"bytes_up", bytes_up},
                  {"bytes_down", bytes_down},
                  {"open_ms", milliseconds(opened - info.arrived)},
                  {"duration_ms", milliseconds(Clock::now() - info.arrived)},
                  {"reason", to_string(end, info.client_side, info.service_side)}});
}

}  // namespace inout
