#include "common/app/process_actions.hpp"

#include <utility>
#include <vector>

#include "common/admin/api.hpp"
#include "common/app/daemon.hpp"

namespace inout {
namespace {

StreamEnd kicked() { return {.cause = StreamEnd::Cause::kicked, .words = "kicked"}; }

/// A worker's lock is held for as long as its list is copied, and no longer.
std::size_t kick_streams_of(Workers& workers, const std::string& topic) {
    std::size_t count = 0;
    workers.for_each([&](Worker& worker) {
        auto found = worker.streams().all();
        std::erase_if(found, [&topic](const auto& stream) { return stream->topic != topic; });
        count += found.size();
        worker.relays().reset(std::move(found), kicked());
    });
    return count;
}

}  // namespace

ProcessActions::ProcessActions(Workers& workers, Service& service, Signals signals)
    : workers_(workers), service_(service), signals_(std::move(signals)) {}

std::size_t ProcessActions::kick_streams(std::string_view id, std::optional<std::uint64_t> number) {
    std::size_t count = 0;
    workers_.for_each([&](Worker& worker) {
        auto found = worker.streams().matching(id);
        std::erase_if(found, [number](const auto& stream) {
            return number && admin::number_of(*stream) != *number;
        });
        count += found.size();
        worker.relays().reset(std::move(found), kicked());
    });
    return count;
}

/// First what registers it: a stream that comes meanwhile waits for the next one.
std::optional<admin::Doer::Kicked> ProcessActions::kick_topic(const std::string& topic,
                                                              bool keep_streams) {
    const auto registrations = service_.kick_topic(topic);
    if (keep_streams && !registrations) return std::nullopt;
    return Kicked{.registrations = registrations.value_or(0),
                  .streams = keep_streams ? 0 : kick_streams_of(workers_, topic)};
}

/// What begins it on the main thread looks again: a signal may be faster.
bool ProcessActions::drain() {
    if (draining_.exchange(true)) return false;
    try {
        asio::post(workers_.main().executor(), [this] { signals_.drain(); });
    } catch (...) {
        draining_ = false;
        throw;
    }
    return true;
}

bool ProcessActions::reload() {
    if (draining_) return false;
    asio::post(workers_.main().executor(), [this] { signals_.reload(); });
    return true;
}

}  // namespace inout
