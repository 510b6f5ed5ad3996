#include "common/net/connection_list.hpp"

#include <utility>

namespace inout {

std::shared_ptr<ConnectionList::Entry> ConnectionList::add(const Executor& executor) {
    const std::lock_guard lock(mutex_);
    if (closed_ || entries_.size() >= limit_) return nullptr;
    auto entry = std::make_shared<Entry>(executor);
    entry->place = entries_.insert(entries_.end(), entry);
    return entry;
}

void ConnectionList::remove(const std::shared_ptr<Entry>& entry) {
    const std::lock_guard lock(mutex_);
    if (const auto place = std::exchange(entry->place, std::nullopt)) entries_.erase(*place);
}

void ConnectionList::shed() {
    const std::lock_guard lock(mutex_);
    for (const auto& entry : entries_) {
        asio::post(entry->executor, [entry] {
            Connection* const waiting = entry->connection;
            if (waiting != nullptr && waiting->is_open() && !waiting->has_input()) waiting->close();
        });
    }
}

void ConnectionList::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (const auto& entry : entries_) {
        asio::post(entry->executor, [entry] {
            if (entry->connection != nullptr) entry->connection->close();
        });
    }
}

}  // namespace inout
