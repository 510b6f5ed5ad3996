#include "proxy/topic_list.hpp"

#include <algorithm>

#include "proxy/directory.hpp"

namespace inout::proxy {
namespace {

admin::Row row_of(const Registration& registration, std::optional<std::size_t> position) {
    const auto age = std::chrono::duration_cast<Milliseconds>(Clock::now() - registration.since);
    admin::Row row{{"topic", registration.topic},
                   {"out", registration.out},
                   {"identity", to_string(registration.identity())},
                   {"tls", registration.secured},
                   {"mode", std::string(registration.standby ? "standby" : "takeover")},
                   {"pattern", registration.pattern.has_value()},
                   {"share", registration.share}};
    if (registration.share) row.emplace_back("weight", std::int64_t{registration.choice.weight});
    // Out of line: it drains, or is about to end.
    std::string state = "drains";
    if (position) {
        state = *position == 0 ? "holds" : "waits";
        row.emplace_back("position", static_cast<std::int64_t>(*position));
    }
    row.emplace_back("state", std::move(state));
    if (registration.unready) row.emplace_back("unready", true);
    row.emplace_back("age_ms", std::int64_t{age.count()});
    row.emplace_back("parked", static_cast<std::int64_t>(registration.pool->parked()));
    row.emplace_back("streams", static_cast<std::int64_t>(registration.streams.load()));
    return row;
}

}  // namespace

admin::Page list_topics(Directory& directory, const admin::Cut& cut) {
    auto all = directory.all();
    std::erase_if(all, [&cut](const auto& each) { return each->id <= cut.after; });
    const std::size_t size = std::min(all.size(), cut.limit);
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size), all.end(),
                      [](const auto& a, const auto& b) { return a->id < b->id; });
    admin::Page page;
    for (std::size_t i = 0; i < size; ++i) {
        page.rows.push_back(row_of(*all[i], directory.position_of(*all[i])));
    }
    if (size > 0 && all.size() > size) page.next = all[size - 1]->id;
    return page;
}

}  // namespace inout::proxy
