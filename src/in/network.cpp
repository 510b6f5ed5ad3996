#include "in/network.hpp"

namespace inout::in {

Dialling dialling_of(const InNetwork& network, const InConfig& config) {
    return {config.connect_timeout, config.open_timeout,
            network.fail_timeout.value_or(config.fail_timeout)};
}

Select select_of(const InNetwork& network, const InConfig& config) {
    switch (network.select.value_or(config.select)) {
        case SelectServer::first: break;
        case SelectServer::round_robin: return Select::round_robin;
        case SelectServer::random: return Select::random;
        case SelectServer::least_time: return Select::least_time;
    }
    return Select::first;
}

}  // namespace inout::in
