#include "proxy/program.hpp"

#include "proxy/doctor.hpp"
#include "proxy/service.hpp"

namespace inout::proxy {
namespace {

std::optional<std::string> apply(ProxyConfig& config, const CommandLine& line) {
    if (line.bind.empty()) return std::nullopt;
    if (line.bind.size() > 1) return "--bind is given more than once";
    const auto listen = parse_host_port(line.bind.front(), AddressOf::listener);
    if (!listen) return "--bind " + listen.error();
    config.listen = *listen;
    return std::nullopt;
}

}  // namespace

int run(int argc, char** argv) {
    const Program<ProxyConfig> program{
        .text = {.name = "proxy",
                 .summary = "The relay: one port where in and out meet.",
                 .version_note = is_built_with_nats() ? "" : ", without NATS",
                 .has_bind = true,
                 .has_doctor = true,
                 .sets_up = true},
        .parse = parse_proxy_config,
        .defaults = default_proxy_config,
        .apply = apply,
        .make = [](Workers& workers,
                   const ProxyConfig& config) -> std::unique_ptr<ServiceOf<ProxyConfig>> {
            return std::make_unique<ProxyService>(workers, config);
        },
        .run_doctor = run_proxy_doctor};
    return run_program(program, argc, argv);
}

}  // namespace inout::proxy
