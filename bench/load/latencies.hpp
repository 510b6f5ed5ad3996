// Latencies: every single one is kept, so percentiles are exact.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

namespace inout::bench {

class Latencies {
  public:
    void add(std::chrono::steady_clock::duration latency) { all_.push_back(latency); }
    std::size_t count() const { return all_.size(); }

    /// The smallest latency, in units of Unit, that `share` (0 to 1) of all do not exceed; 0 if
    /// there are none.
    template <class Unit>
    double percentile(double share) {
        if (all_.empty()) return 0;
        const auto rank = std::ceil(share * static_cast<double>(all_.size()));
        const auto nth = all_.begin() + static_cast<std::ptrdiff_t>(std::max(rank, 1.0)) - 1;
        std::nth_element(all_.begin(), nth, all_.end());
        return std::chrono::duration<double, typename Unit::period>(*nth).count();
    }

  private:
    std::vector<std::chrono::steady_clock::duration> all_;
};

}  // namespace inout::bench
