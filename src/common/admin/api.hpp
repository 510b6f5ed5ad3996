// What a program tells of itself as JSON, for /api/… (docs/openapi.json). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/admin/facts.hpp"
#include "common/admin/history.hpp"

namespace inout::admin {

inline constexpr std::string_view kJsonType = "application/json";

/// Where a stream stands in the list: when it came, in nanoseconds of a clock that only rises.
std::uint64_t number_of(const StreamRecord& record);

std::string status_json(const Facts& facts);
std::string topics_json(const Page& page);

/// `now`: in the history's time, and what Unix time that is.
std::string history_json(const History& history, Milliseconds now, std::int64_t unix_ms);

enum class StreamsIn {
    any_state,
    opening,
    running,  ///< open, and those of them that are ending
};
/// Of these the oldest after `cut.after`, which is the `next` of the answer before this one. Takes
/// `records` apart.
std::string streams_json(StreamTable::Records records, StreamsIn state, const Cut& cut,
                         Clock::time_point now);

/// Those that are gone, as they come.
std::string recent_ends_json(const RecentEnds::Ends& ends, std::size_t limit);

}  // namespace inout::admin
