// Instead of nats_client.cpp where there is no libnats: a configuration with a cluster is refused
// before anybody gets here.
#include "common/cluster/nats_client.hpp"

namespace inout::cluster {

Result<std::shared_ptr<NatsClient>, std::string> NatsClient::make(const NatsOptions&, std::string) {
    return Failure{std::string("this program was built without NATS")};
}

}  // namespace inout::cluster
