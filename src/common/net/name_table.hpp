// What is known of names: good addresses, how old they are, and which names are asked for in vain.
//
// Fresh addresses (kResolveFresh) save a look-up, old ones serve while the name does not resolve. A
// name that no server answers for is left alone for a while, longer each time; meanwhile who asks
// has the old addresses or the error at once. Holds kNamesMax names at most, more than a
// configuration has: of those that clients can make up, the ones that were answered last. Pure;
// time is an argument. Not thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/net/asio.hpp"

namespace inout {

/// What a look-up brought.
struct Lookup {
    std::vector<asio::ip::address> addresses;  ///< empty: see error
    std::string error;
    bool silent = false;  ///< no server answered in time
    bool slow = false;    ///< took longer than kLookupPatience
};

class NameTable {
  public:
    static constexpr std::size_t kNamesMax = 32'768;

    struct Known {
        std::vector<asio::ip::address> addresses;  ///< the last good ones, maybe none
        std::string error;         ///< without addresses: what the last look-up said
        bool settled = false;      ///< fresh, or in a pause: nobody needs to be asked
        bool worth_a_wait = true;  ///< the last look-up was quick: the next one may be
    };
    Known find(const std::string& host, Clock::time_point now) const;
    void answered(const std::string& host, const Lookup& lookup, Clock::time_point now);

  private:
    struct Name {
        std::vector<asio::ip::address> good;
        Clock::time_point fresh_until{};
        std::string error;
        bool slow = false;
        unsigned silences = 0;  // in a row
        Clock::time_point paused_until{};
        Clock::time_point answered{};
    };
    void forget_oldest();

    std::map<std::string, Name> names_;
};

}  // namespace inout
