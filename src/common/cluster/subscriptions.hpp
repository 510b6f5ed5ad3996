// Subscriptions: the subjects of NATS that this proxy listens to, each with how many things need
// it. Pure; its owner locks.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace inout::cluster {

class Subscriptions {
  public:
    /// True: it is needed from now on.
    bool add(const std::string& subject) { return ++needed_[subject] == 1; }
    /// True: nothing needs it any more.
    bool remove(const std::string& subject) {
        const auto found = needed_.find(subject);
        if (found == needed_.end() || --found->second > 0) return false;
        needed_.erase(found);
        return true;
    }
    std::size_t size() const { return needed_.size(); }

  private:
    std::unordered_map<std::string, std::size_t> needed_;
};

}  // namespace inout::cluster
