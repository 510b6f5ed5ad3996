// The descriptors of in and out, shared out among the proxies they speak to: a malicious or broken
// one can take its share and what nobody else needs, no more. On the main thread; the Budget
// belongs to the service and is for any thread.
#pragma once

#include "common/rules/budget.hpp"

namespace inout {

/// What a configuration needs.
struct DescriptorNeed {
    std::size_t threads;
    std::size_t fixed;   ///< descriptors that always stay: listeners, control connections
    std::size_t needed;  ///< for a first stream of every network, `fixed` included
};

/// For each configuration that is taken into use, with the daemon's limit of descriptors in force:
/// makes the budget as large as it can be. Warns, with the numbers, when the configuration needs
/// more than there are.
void size_link_budget(Budget& budget, const DescriptorNeed& need);

}  // namespace inout
