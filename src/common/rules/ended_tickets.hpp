// EndedTickets: what registrations that ended not long ago had as tickets.
//
// Their outs may still be bringing data connections; that is no attack. Each is remembered for
// kTicketMemory, and no more of them than kEndedTicketsMax, the newest. Time is an argument; its
// owner locks. Pure.
#pragma once

#include <deque>
#include <new>
#include <string>
#include <unordered_map>

#include "common/base/limits.hpp"

namespace inout {

class EndedTickets {
  public:
    explicit EndedTickets(std::size_t tickets_max = kEndedTicketsMax) : max_(tickets_max) {}

    void add(const std::string& ticket, Clock::time_point now) {
        while (!by_age_.empty() &&
               (by_age_.size() >= max_ || now - by_age_.front().when >= kTicketMemory)) {
            const auto found = ended_.find(by_age_.front().ticket);
            if (--found->second.times == 0) ended_.erase(found);
            by_age_.pop_front();
        }
        const auto ended = ended_.try_emplace(ticket).first;
        try {
            by_age_.push_back({ticket, now});
        } catch (const std::bad_alloc&) {
            if (ended->second.times == 0) ended_.erase(ended);
            throw;
        }
        ++ended->second.times;
        ended->second.last = now;
    }
    bool has(const std::string& ticket, Clock::time_point now) const {
        const auto found = ended_.find(ticket);
        return found != ended_.end() && now - found->second.last < kTicketMemory;
    }
    std::size_t size() const { return by_age_.size(); }

  private:
    struct Aged {
        std::string ticket;
        Clock::time_point when;
    };
    struct Ended {
        std::size_t times = 0;
        Clock::time_point last{};
    };
    const std::size_t max_;
    std::deque<Aged> by_age_;
    std::unordered_map<std::string, Ended> ended_;
};

}  // namespace inout
