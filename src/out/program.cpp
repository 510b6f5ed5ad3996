#include "out/program.hpp"

#include "common/app/join.hpp"
#include "out/doctor.hpp"
#include "out/service.hpp"

namespace inout::out {
namespace {

std::optional<std::string> set_backend(OutNetwork& network, std::string_view text) {
    constexpr std::string_view kUnix = "unix:";
    if (text == "socks5") return "socks5: an exit needs a configuration file (--config)";
    network.exit.reset();
    network.backends.clear();
    network.backend_unix.clear();
    if (text.starts_with(kUnix)) {
        text.remove_prefix(kUnix.size());
        network.backend_unix = text;
        const auto problem = check_unix_path(text);
        return problem ? std::optional(std::string(kUnix) + ": the path " + *problem)
                       : std::nullopt;
    }
    auto backend = parse_host_port(text, AddressOf::backend);
    if (!backend) return backend.error();
    network.backend = std::move(*backend);
    return std::nullopt;
}

std::optional<std::string> apply(OutConfig& config, const CommandLine& line) {
    OutNetwork& network = config.networks.front();
    if (!line.server.empty()) {
        const auto server = ServerAddress::parse(line.server);
        if (!server) return "--server " + server.error();
        if (server->is_service()) {
            return "--server " + server->text() +
                   " is the name of a service, which out can not use: HOST:PORT of each proxy";
        }
        network.server = server->place();
        network.servers.clear();
        if (server->is_websocket()) network.servers = {*server};
    }
    if (auto problem = apply_topics(config.networks, line, "--backend", line.backend)) {
        return problem;
    }
    for (std::size_t i = 0; i < line.backend.size(); ++i) {
        if (const auto problem = set_backend(config.networks[i], line.backend[i])) {
            return "--backend " + *problem;
        }
    }
    return apply_join(config, line);
}

}  // namespace

int run(int argc, char** argv) {
    const Program<OutConfig> program{
        .text = {.name = "out",
                 .summary = "Registers topics at the proxy and connects their streams to the "
                            "services behind them.",
                 .has_server = true,
                 .has_backend = true,
                 .makes_keys = true,
                 .has_doctor = true},
        .parse = parse_out_config,
        .defaults = default_out_config,
        .apply = apply,
        .make = [](Workers& workers, const OutConfig&) -> std::unique_ptr<ServiceOf<OutConfig>> {
            return std::make_unique<OutService>(workers);
        },
        .run_doctor = run_out_doctor};
    return run_program(program, argc, argv);
}

}  // namespace inout::out
