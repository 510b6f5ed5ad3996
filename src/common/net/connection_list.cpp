#include "common/net/connection_list.hpp"

#include <utility>

namespace inout {

ConnectionList::Place::Place(ConnectionList& list, ConnectionPtr connection, Use use)
    : list_(list),
      lent_(lend(std::move(connection))),
      at_(list.entries_.insert(list.entries_.end(), {lent_->executor(), lent_, use})) {}

ConnectionList::Place::~Place() {
    const std::lock_guard lock(list_.mutex_);
    list_.entries_.erase(at_);
}

std::unique_ptr<ConnectionList::Place> ConnectionList::add(ConnectionPtr connection, Use use) {
    const std::lock_guard lock(mutex_);
    if (closed_ || entries_.size() >= limit_) return nullptr;
    return std::make_unique<Place>(*this, std::move(connection), use);
}

void ConnectionList::shed() {
    const std::lock_guard lock(mutex_);
    close_all(CloseIf::nothing_has_come);
}

void ConnectionList::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    close_all(CloseIf::always);
}

void ConnectionList::close_all(CloseIf condition) {
    for (const Entry& entry : entries_) {
        close_soon(entry.executor, entry.connection, condition, entry.use);
    }
}

}  // namespace inout
