#include "out/program.hpp"

#include "out/service.hpp"

namespace inout::out {
namespace {

std::optional<std::string> apply(OutConfig& config, const CommandLine& line) {
    OutNetwork& network = config.networks.front();
    if (!line.server.empty()) {
        const auto server = parse_host_port(line.server);
        if (!server) return "--server " + server.error();
        network.server = *server;
    }
    if (!line.backend.empty()) {
        const auto backend = parse_host_port(line.backend, AddressOf::backend);
        if (!backend) return "--backend " + backend.error();
        network.backend = *backend;
    }
    return apply_topic(network.topic, line);
}

}  // namespace

int run(int argc, char** argv) {
    const Program<OutConfig> program{
        .text = {.name = "out",
                 .summary = "Registers topics at the proxy and connects their streams to the "
                            "services behind them.",
                 .has_server = true,
                 .has_backend = true,
                 .makes_keys = true},
        .parse = parse_out_config,
        .defaults = default_out_config,
        .apply = apply,
        .make = [](Workers& workers, const OutConfig&) -> std::unique_ptr<ServiceOf<OutConfig>> {
            return std::make_unique<OutService>(workers);
        }};
    return run_program(program, argc, argv);
}

}  // namespace inout::out
