// The name of out for a network, the same at all its servers, and at which proxies it has that now.
// Shared by the network's control links, on the main thread.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "common/base/limits.hpp"
#include "common/base/random.hpp"

namespace inout::out {

class OutName {
  public:
    const std::string& instance() const { return instance_; }

    /// A registration of `link` is at this proxy; empty: one that has no name, or none any more.
    void is_at(const void* link, const std::string& proxy) {
        if (proxy.empty()) {
            proxies_.erase(link);
        } else {
            proxies_[link] = proxy;
        }
    }
    /// Two servers that are the same proxy would take its one registration from each other.
    bool has_another_at(const void* link, const std::string& proxy) const {
        return !proxy.empty() &&
               std::any_of(proxies_.begin(), proxies_.end(), [&](const auto& each) {
                   return each.first != link && each.second == proxy;
               });
    }

  private:
    const std::string instance_ = random_hex(kMagicDigits);
    std::map<const void*, std::string> proxies_;
};

}  // namespace inout::out
