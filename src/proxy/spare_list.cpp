#include "proxy/spare_list.hpp"

#include <utility>

namespace inout::proxy {

SpareList::Place::Place(SpareList& list, ConnectionPtr connection, Use use, StandingPtr standing)
    : list_(list),
      lent_(lend(std::move(connection))),
      at_(list.entries_.insert(list.entries_.end(),
                               {lent_->executor(), lent_, use, std::move(standing)})) {}

SpareList::Place::~Place() {
    const std::lock_guard lock(list_.mutex_);
    list_.entries_.erase(at_);
}

void SpareList::Entry::close(CloseIf condition) const {
    close_soon(executor, connection, condition, use);
}

void SpareList::set_limit(std::size_t limit) {
    const std::lock_guard lock(mutex_);
    limit_ = limit;
}

std::unique_ptr<SpareList::Place> SpareList::add(ConnectionPtr connection, Use use,
                                                 StandingPtr standing) {
    const std::lock_guard lock(mutex_);
    if (closed_ || entries_.size() >= limit_) return nullptr;
    return std::make_unique<Place>(*this, std::move(connection), use, std::move(standing));
}

void SpareList::shed() {
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : entries_) entry.close(CloseIf::nothing_has_come);
}

void SpareList::shed_if(const std::function<bool(const Standing&)>& unwanted) {
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : entries_) {
        if (unwanted(*entry.standing)) entry.close(CloseIf::nothing_has_come);
    }
}

void SpareList::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (const Entry& entry : entries_) entry.close(CloseIf::always);
}

}  // namespace inout::proxy
