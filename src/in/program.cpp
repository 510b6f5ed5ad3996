#include "in/program.hpp"

#include <algorithm>
#include <string_view>

#include "common/app/join.hpp"
#include "common/base/utf8.hpp"
#include "common/config/port_ranges.hpp"
#include "common/config/rules.hpp"
#include "common/rules/topic.hpp"
#include "in/doctor.hpp"
#include "in/service.hpp"
#include "in/stdio.hpp"

namespace inout::in {
namespace {

/// "HOST:PORT,HOST:PORT".
std::optional<std::string> apply_servers(InNetwork& network, std::string_view text) {
    std::vector<ServerAddress> servers;
    for (bool more = true; more;) {
        const std::size_t comma = text.find(',');
        const auto server = ServerAddress::parse(text.substr(0, comma));
        if (!server) return "--server " + server.error();
        servers.push_back(*server);
        more = comma != std::string_view::npos;
        if (more) text.remove_prefix(comma + 1);
    }
    if (servers.size() > kServersMax) {
        return "--server: " + std::to_string(kServersMax) + " are the most";
    }
    if (const auto twice = find_duplicate(servers); !twice.empty()) {
        return "--server: " + twice + " stands there twice";
    }
    network.server = servers.front().place();
    if (servers.size() > 1 || network.server.port == 0) network.servers = std::move(servers);
    return std::nullopt;
}

/// --stdio needs one network. Of a file, the others are not even looked at.
std::optional<std::string> choose_network(InConfig& config, const CommandLine& line) {
    config.networks = with_each_port(std::make_shared<const InConfig>(config))->networks;
    auto& networks = config.networks;
    const std::string file = line.config_file + ": ";
    if (networks.empty()) return file + "has no network, and --stdio needs one";
    if (line.topic.empty()) {
        if (networks.size() == 1 && networks.front().names) {
            return file + "has no topic but by \"names\", and --stdio needs one";
        }
        if (networks.size() == 1) return std::nullopt;
        return file + "has several networks; --topic says which of them --stdio means";
    }
    const std::string& topic = line.topic.front();
    if (const auto problem = check_topic(topic)) return "--topic " + *problem;
    const auto others = std::partition(
        networks.begin(), networks.end(),
        [&](const InNetwork& network) { return !network.names && network.topic == topic; });
    const auto found = others - networks.begin();
    if (found == 0) return file + "has no network with the topic " + visible(topic);
    if (found > 1) {
        return file + "has several networks with the topic " + visible(topic) +
               ", and --stdio needs one";
    }
    networks.erase(others, networks.end());
    return std::nullopt;
}

constexpr std::string_view kUnix = "unix:";

std::optional<std::string> apply(InConfig& config, const CommandLine& line) {
    if (line.stdio) {
        // That of a file is the daemon's: here every line comes between somebody and the service.
        config.log.level = log::Level::error;
        if (!line.config_file.empty()) return choose_network(config, line);
    }
    if (!line.server.empty()) {
        if (auto problem = apply_servers(config.networks.front(), line.server)) return problem;
    }
    // None if the networks are those of a file.
    if (auto problem = apply_topics(config.networks, line, "--bind", line.bind)) return problem;
    for (std::size_t i = 0; i < line.bind.size(); ++i) {
        if (line.bind[i].starts_with(kUnix)) {
            config.networks[i].bind_unix = line.bind[i].substr(kUnix.size());
            const auto problem = check_file_name(config.networks[i].bind_unix);
            if (problem) return "--bind unix:: the path " + *problem;
            continue;
        }
        const auto listen = parse_host_port(line.bind[i], AddressOf::listener);
        if (!listen) return "--bind " + listen.error();
        config.networks[i].listen = *listen;
    }
    return apply_join(config, line);
}

}  // namespace

int run(int argc, char** argv) {
    const Program<InConfig> program{
        .text = {.name = "in",
                 .summary = "Listens near the clients and carries each connection to the service "
                            "that is registered under a topic at the proxy.",
                 .has_server = true,
                 .has_bind = true,
                 .makes_keys = true,
                 .has_stdio = true,
                 .has_doctor = true},
        .parse = parse_in_config,
        .defaults = default_in_config,
        .apply = apply,
        .make = [](Workers& workers,
                   const InConfig& config) -> std::unique_ptr<ServiceOf<InConfig>> {
            return std::make_unique<InService>(workers, config);
        },
        .run_stdio = run_stdio,
        .run_doctor = run_in_doctor};
    return run_program(program, argc, argv);
}

}  // namespace inout::in
