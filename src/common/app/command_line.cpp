#include "common/app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/protocol/topic.hpp"

namespace inout {

Result<CommandLine, int> parse_command_line(const ProgramText& text, int argc, char** argv) {
    CommandLine line;
    CLI::App app(text.summary, text.name);
    app.set_version_flag("--version", text.name + " " INOUT_VERSION);
    const auto add = [&app](const char* flag, auto& value, const char* type, const char* help) {
        // An empty value would otherwise count as "not given", and the defaults would run.
        app.add_option(flag, value, help)->type_name(type)->check([](const std::string& given) {
            return given.empty() ? "must not be empty" : std::string();
        });
    };
    add("--config", line.config_file, "FILE", "configuration file (JSON)");
    app.add_flag("--check", line.check,
                 "check the configuration, print it with all defaults, and end");
    if (text.has_server) add("--server", line.server, "HOST:PORT", "the proxy's address");
    if (text.has_backend) add("--backend", line.backend, "HOST:PORT", "the service to offer");
    if (text.has_bind) add("--bind", line.bind, "[HOST:]PORT", "where to listen");
    if (text.has_server) add("--topic", line.topic, "TOPIC", "the name of the service");
    if (text.makes_keys) {
        add("--new-key", line.new_key, "FILE", "write a new random key to this file, and end");
    }
    add("--log-level", line.log_level, "LEVEL", "debug, info, warning or error");
    add("--log-format", line.log_format, "FORMAT", "text or json");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return Failure{app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2};
    }
    if (!line.config_file.empty() && line.names_network()) {
        std::cerr << "a network is given either by --config or by flags, not by both\n";
        return Failure{2};
    }
    return line;
}

std::optional<std::string> apply_topic(std::string& topic, const CommandLine& line) {
    if (line.topic.empty()) return std::nullopt;
    if (const auto problem = check_topic(line.topic)) return "--topic " + *problem;
    topic = line.topic;
    return std::nullopt;
}

std::optional<std::string> apply_log_flags(LogOptions& log, const CommandLine& line) {
    if (!line.log_level.empty()) {
        const auto level = parse_log_level(line.log_level);
        if (!level) return "--log-level must be debug, info, warning or error";
        log.level = *level;
    }
    if (!line.log_format.empty()) {
        const auto format = parse_log_format(line.log_format);
        if (!format) return "--log-format must be text or json";
        log.format = *format;
    }
    return std::nullopt;
}

}  // namespace inout
