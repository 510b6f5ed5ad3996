// What a program tells of itself as Prometheus reads it: the text format 0.0.4. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/admin/facts.hpp"

namespace inout::admin {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

/// The value of a label, escaped: what nobody can see or read as text too.
std::string escaped_label(std::string_view value);

/// With figures of the kMetricsTopicsMax topics that have the most streams, and of all others
/// together.
std::string metrics_text(const Facts& facts, const StreamTable::Records& streams);

}  // namespace inout::admin
