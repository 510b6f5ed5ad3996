// Entries of in with a range of ports: one network for each port, as if each had been written.
// Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/config/types.hpp"

namespace inout {

/// Stands in a topic for the port.
inline constexpr std::string_view kPortPlace = "{port}";
/// Of one configuration, in all its ranges and beside them: as many as it may have entries.
inline constexpr std::size_t kListenersMax = 10'000;

/// The topic of one port. Never longer than what was written.
std::string topic_at(std::string topic, std::uint16_t port);

/// With the networks that the ranges stand for, in their places; itself if it has no range.
std::shared_ptr<const InConfig> with_each_port(std::shared_ptr<const InConfig> config);

}  // namespace inout
