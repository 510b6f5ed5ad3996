#include "proxy/running_streams.hpp"

#include <map>
#include <utility>

namespace inout::proxy {

RunningStreams::Stream::Stream(RunningStreams& list, RelaySet& relay_set,
                               std::shared_ptr<StreamRecord> entry, StandingPtr asked,
                               std::shared_ptr<Registration> serves)
    : relays(relay_set),
      record(std::move(entry)),
      standing(std::move(asked)),
      registration(std::move(serves)),
      list_(list) {
    const std::lock_guard lock(list_.mutex_);
    next_ = std::exchange(list_.first_, this);
    if (next_ != nullptr) next_->previous_ = this;
}

RunningStreams::Stream::~Stream() {
    const std::lock_guard lock(list_.mutex_);
    (previous_ != nullptr ? previous_->next_ : list_.first_) = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
}

std::size_t RunningStreams::reset_if(const std::function<bool(const Stream&)>& unwanted,
                                     const StreamEnd& why) {
    std::map<RelaySet*, StreamTable::Records> found;
    std::size_t count = 0;
    {
        const std::lock_guard lock(mutex_);
        for (const Stream* each = first_; each != nullptr; each = each->next_) {
            if (!unwanted(*each)) continue;
            found[&each->relays].push_back(each->record);
            ++count;
        }
    }
    for (auto& [relays, records] : found) relays->reset(std::move(records), why);
    return count;
}

}  // namespace inout::proxy
