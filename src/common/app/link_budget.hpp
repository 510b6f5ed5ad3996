// The descriptors of in and out, shared out among the proxies they speak to: a malicious or broken
// one can take its share and what nobody else needs, no more. Called once, at start, on the main
// thread; the Budget it makes belongs to the service and is for any thread.
#pragma once

#include <memory>

#include "common/rules/budget.hpp"

namespace inout {

/// What a configuration needs.
struct DescriptorNeed {
    std::size_t threads, proxies;
    std::size_t fixed;   ///< descriptors that always stay: listeners, control connections
    std::size_t needed;  ///< for a first stream of every network, `fixed` included
};

/// Called once at start, with the daemon's limit of descriptors in force. Warns, with the numbers,
/// when the configuration needs more than there are.
std::unique_ptr<Budget> make_link_budget(const DescriptorNeed& need);

}  // namespace inout
