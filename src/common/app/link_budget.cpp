#include "common/app/link_budget.hpp"

#include "common/base/log.hpp"
#include "common/os/descriptors.hpp"

namespace inout {

void size_link_budget(Budget& budget, const DescriptorNeed& need) {
    const std::size_t limit = descriptor_limit();
    const std::size_t there = descriptors_for_streams(limit, need.threads, 0);
    if (need.needed > there) {
        log::warning("too few descriptors",
                     {{"needed", need.needed + (limit - there)},
                      {"descriptors", limit},
                      {"reason",
                       "not every topic can have a stream at the same time; raise ulimit -n "
                       "(systemd: LimitNOFILE)"}});
    }
    budget.resize(descriptors_for_streams(limit, need.threads, need.fixed));
}

}  // namespace inout
