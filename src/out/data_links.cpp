#include "out/data_links.hpp"

#include <algorithm>

#include "common/base/limits.hpp"

namespace inout::out {
namespace {

bool is_open(const DataLinks::Group& group) { return !group.closed && group.count < kDataLinksMax; }

}  // namespace

/// The budget changes with the configuration.
bool DataLinks::has_room() const {
    return links_.size() < std::max<std::size_t>(1, budget_.most() / 2);
}

std::shared_ptr<DataLinks::Link> DataLinks::add(const std::shared_ptr<Group>& group,
                                                const Executor& executor, bool client_waits,
                                                Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (!is_open(*group)) return nullptr;
    Budget::Places places;
    const bool taken = has_room() && budget_.take(owner_, 1, places);
    if (!taken && (!give_way_to(*group, client_waits, now) || !budget_.take(owner_, 1, places)))
        return nullptr;
    auto link = std::make_shared<Link>(executor, group);
    link->since = now;
    link->places = std::move(places);
    enlist(link);
    return link;
}

bool DataLinks::may_have_more(const Group& group) {
    const std::lock_guard lock(mutex_);
    return is_open(group);
}

/// Makes room for a client, or for a registration that has no data connection at all: a parked one
/// of those others that have more, or, for a client or in turn, the oldest.
bool DataLinks::give_way_to(const Group& group, bool client_waits, Clock::time_point now) {
    if (group.count > 0 && !client_waits) return false;
    // A client can use those of its own topic as they are.
    const auto first = [&](auto fits) {
        return std::find_if(links_.begin(), links_.end(), [&](const auto& link) {
            return link->is_parked && link->group.get() != &group && fits(*link);
        });
    };
    auto victim = first([](const Link& link) { return link.group->count > 1; });
    if (victim == links_.end()) {
        victim = first(
            [&](const Link& link) { return client_waits || now - link.since >= kParkedTurn; });
    }
    if (victim == links_.end()) return false;
    evict(std::shared_ptr<Link>(*victim));
    return true;
}

/// Its descriptor counts as free at once; it is closed a moment later.
void DataLinks::evict(const std::shared_ptr<Link>& link) {
    unlist(*link);
    link->places = {};
    // A stream that is here already stays; one that is under way is the price of little room.
    close_soon(link->executor, link->connection, CloseIf::nothing_has_come, link->use);
}

void DataLinks::enlist(const std::shared_ptr<Link>& link) {
    link->at = links_.insert(links_.end(), link);
    link->is_listed = true;
    ++link->group->count;
}

void DataLinks::unlist(Link& link) {
    link.is_listed = link.is_parked = false;
    --link.group->count;
    links_.erase(link.at);
}

bool DataLinks::begin(const std::shared_ptr<Link>& link, const ConnectionPtr& lent) {
    const std::lock_guard lock(mutex_);
    link->is_parked = false;
    link->connection = lent;
    return link->is_listed && !link->group->closed;
}

void DataLinks::park(const std::shared_ptr<Link>& link, Use use, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    link->is_parked = true;
    link->use = use;
    link->since = now;
}

bool DataLinks::put_back(const std::shared_ptr<Link>& link) {
    const std::lock_guard lock(mutex_);
    if (!is_open(*link->group) || !has_room()) return false;
    enlist(link);
    link->use = Use::on_request;
    link->places.reduce_to(1);
    return true;
}

void DataLinks::remove(const std::shared_ptr<Link>& link) {
    const std::lock_guard lock(mutex_);
    if (link->is_listed) unlist(*link);
}

bool DataLinks::add_backend(Link& link) {
    const std::lock_guard lock(mutex_);
    // One that had to give way just when its stream came has lost its own descriptor too.
    const std::size_t missing = kStreamDescriptors - link.places.count();
    while (!budget_.take(owner_, missing, link.places)) {
        const auto oldest = std::find_if(links_.begin(), links_.end(),
                                         [](const auto& other) { return other->is_parked; });
        if (oldest == links_.end()) return false;
        evict(std::shared_ptr<Link>(*oldest));
    }
    return true;
}

void DataLinks::close(Group& group) {
    const std::lock_guard lock(mutex_);
    group.closed = true;
    if (group.count == 0) return;
    for (const auto& link : links_) {
        if (link->group.get() != &group) continue;
        // Whose next request is here already gets its answer.
        const CloseIf condition =
            link->use == Use::on_request ? CloseIf::nothing_has_come : CloseIf::always;
        close_soon(link->executor, link->connection, condition, link->use);
    }
}

}  // namespace inout::out
