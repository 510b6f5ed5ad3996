#include "common/net/address_memory.hpp"

#include <algorithm>

namespace inout {

void AddressMemory::order(std::vector<Endpoint>& endpoints, Clock::time_point now) {
    if (endpoints.size() < 2) return;
    const std::lock_guard lock(mutex_);
    std::stable_partition(endpoints.begin(), endpoints.end(), [&](const Endpoint& endpoint) {
        const auto found = shunned_.find(endpoint);
        if (found == shunned_.end()) return true;
        if (now < found->second) return false;
        found->second =
            now + kAddressShunned;  // this dial tries it; the others wait for the result
        return true;
    });
}

void AddressMemory::answered(const Endpoint& endpoint, const std::vector<Endpoint>& in_vain,
                             Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    shunned_.erase(endpoint);
    if (shunned_.size() + in_vain.size() > kAddressesShunnedMax) {
        std::erase_if(shunned_, [&](const auto& entry) { return entry.second <= now; });
    }
    for (const Endpoint& silent : in_vain) {
        if (shunned_.size() < kAddressesShunnedMax) shunned_[silent] = now + kAddressShunned;
    }
}

}  // namespace inout
