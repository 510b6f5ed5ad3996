// Which addresses did not answer lately, so that not every dial pays for a dead one of several.
//
// An address that was tried in vain before another one of its name answered comes last for
// kAddressShunned; then one dial tries it in its place again, and it comes back if it answers. The
// order of the others is never touched: names that share their load by it still do. Time is an
// argument; one instance per process, any thread.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "common/net/asio.hpp"

namespace inout {

class AddressMemory {
  public:
    /// Puts those that did not answer lately behind the others.
    void order(std::vector<Endpoint>& endpoints, Clock::time_point now);
    /// `endpoint` answered, after those in `in_vain` had been tried.
    void answered(const Endpoint& endpoint, const std::vector<Endpoint>& in_vain,
                  Clock::time_point now);

  private:
    std::mutex mutex_;
    std::map<Endpoint, Clock::time_point> shunned_;  // until then; at most kAddressesShunnedMax
};

}  // namespace inout
