// Instead of nats_client.cpp where there is no libnats: a configuration with a cluster is refused
// before anybody gets here.
#include "common/cluster/nats_client.hpp"
#include "common/cluster/roll_call.hpp"

namespace inout::cluster {
namespace {

constexpr const char* kWithoutNats = "this program was built without NATS";

}  // namespace

Result<std::shared_ptr<NatsClient>, std::string> NatsClient::make(const NatsOptions&, std::string) {
    return Failure{std::string(kWithoutNats)};
}

RollCall call_roll(const NatsOptions&, const std::string&, const std::string&) {
    return {.problem = kWithoutNats};
}

}  // namespace inout::cluster
