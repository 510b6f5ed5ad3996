#include "in/program.hpp"

#include "in/service.hpp"

namespace inout::in {
namespace {

std::optional<std::string> apply(InConfig& config, const CommandLine& line) {
    InNetwork& network = config.networks.front();
    if (!line.server.empty()) {
        const auto server = parse_host_port(line.server);
        if (!server) return "--server " + server.error();
        network.server = *server;
    }
    if (!line.bind.empty()) {
        const auto listen = parse_host_port(line.bind, AddressOf::listener);
        if (!listen) return "--bind " + listen.error();
        network.listen = *listen;
    }
    return apply_topic(network.topic, line);
}

}  // namespace

int run(int argc, char** argv) {
    const Program<InConfig> program{
        .text = {.name = "in",
                 .summary = "Listens near the clients and carries each connection to the service "
                            "that is registered under a topic at the proxy.",
                 .has_server = true,
                 .has_bind = true,
                 .makes_keys = true},
        .parse = parse_in_config,
        .defaults = default_in_config,
        .apply = apply,
        .make = [](Workers& workers,
                   const InConfig& config) -> std::unique_ptr<ServiceOf<InConfig>> {
            return std::make_unique<InService>(workers, config);
        }};
    return run_program(program, argc, argv);
}

}  // namespace inout::in
