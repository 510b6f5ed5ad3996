// EndedNames: what ended not long ago, by name: tickets of registrations, and topics.
//
// Each is remembered for a time from its last end on, and no more ends than so many, the newest.
// Time is an argument; its owner locks. Pure.
#pragma once

#include <deque>
#include <new>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/limits.hpp"

namespace inout {

class EndedNames {
  public:
    /// `ends_max`: at least 1.
    EndedNames(Milliseconds memory, std::size_t ends_max) : memory_(memory), max_(ends_max) {}

    /// From now on; at least 1.
    void set_max(std::size_t ends_max) { max_ = ends_max; }

    /// Strong guarantee if memory runs out, but for ends that were to be forgotten.
    void add(const std::string& name, Clock::time_point now) {
        while (!by_age_.empty() &&
               (by_age_.size() >= max_ || now - by_age_.front().when >= memory_)) {
            const auto found = ended_.find(by_age_.front().name);
            if (--found->second.times == 0) ended_.erase(found);
            by_age_.pop_front();
        }
        const auto ended = ended_.try_emplace(name).first;
        try {
            by_age_.push_back({name, now});
        } catch (const std::bad_alloc&) {
            if (ended->second.times == 0) ended_.erase(ended);
            throw;
        }
        ++ended->second.times;
        ended->second.last = now;
    }
    bool has(const std::string& name, Clock::time_point now) const {
        return last_end(name, now).has_value();
    }
    /// Nothing: it is not remembered.
    std::optional<Clock::time_point> last_end(const std::string& name,
                                              Clock::time_point now) const {
        const auto found = ended_.find(name);
        if (found == ended_.end() || now - found->second.last >= memory_) return std::nullopt;
        return found->second.last;
    }
    std::size_t size() const { return by_age_.size(); }
    /// Those that are remembered.
    std::vector<std::string> names(Clock::time_point now) const {
        std::vector<std::string> all;
        for (const auto& [name, ended] : ended_) {
            if (now - ended.last < memory_) all.push_back(name);
        }
        return all;
    }

  private:
    struct Aged {
        std::string name;
        Clock::time_point when;
    };
    struct Ended {
        std::size_t times = 0;
        Clock::time_point last{};
    };
    const Milliseconds memory_;
    std::size_t max_;
    std::deque<Aged> by_age_;
    std::unordered_map<std::string, Ended> ended_;
};

}  // namespace inout
