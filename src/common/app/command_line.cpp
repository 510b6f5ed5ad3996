#include "common/app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/utf8.hpp"
#include "common/config/nearest_word.hpp"
#include "common/config/text_hints.hpp"
#include "common/rules/topic.hpp"

namespace inout {

namespace {

/// `-config` is how Go's flags may be written, and CLI11 would take it for `-c onfig`.
std::vector<std::string> with_two_dashes(int argc, char** argv,
                                         std::span<const std::string_view> flags) {
    std::vector<std::string> arguments(argv, argv + argc);
    for (std::string& argument : arguments) {
        if (argument.size() < 3 || argument[0] != '-' || argument[1] == '-') continue;
        const std::string name = "-" + argument.substr(0, argument.find('='));
        if (std::find(flags.begin(), flags.end(), name) != flags.end()) argument.insert(0, "-");
    }
    return arguments;
}

std::string unexpected(const std::string& argument, std::span<const std::string_view> flags) {
    const std::string shown = visible(argument);
    // What word processors make of two hyphens.
    const auto [dash, bytes] = first_code_point(argument);
    if (bytes > 1 && typed_for(dash) == '-') {
        return shown + ": begins with " + name_of(dash) + ", flags begin with --";
    }
    if (!argument.starts_with('-')) {
        const bool file = argument.ends_with(".json");
        return shown + ": " +
               (file ? "a configuration file is given as --config " + shown
                     : "every value needs its flag in front; --help lists them");
    }
    const std::string name = argument.substr(0, argument.find('='));
    if (const auto meant = nearest_word(name, flags)) {
        return visible(name) + ": unknown flag; did you mean " + std::string(*meant) + "?";
    }
    std::string known;
    for (const auto flag : flags) known += (known.empty() ? "" : ", ") + std::string(flag);
    return visible(name) + ": unknown flag; the flags are " + known;
}

/// What can not be said together of a network.
std::optional<std::string> network_conflict(const CommandLine& line) {
    if (!line.join.empty() && !line.server.empty()) {
        return "--join says where the proxy is: leave --server out";
    }
    if (line.stdio && !line.bind.empty()) return "--bind: --stdio does not listen";
    if (line.stdio && line.topic.size() > 1) return "--topic: --stdio carries one stream, to one";
    if (line.config_file.empty() || !line.names_network()) return std::nullopt;
    if (!line.stdio) return "a network is given either by --config or by flags, not by both";
    if (line.server.empty() && line.join.empty()) return std::nullopt;  // --topic chooses
    return (line.join.empty() ? "--server" : "--join") +
           std::string(": the servers are those of --config");
}

/// What can not be said together, or needs something else to be said.
std::optional<std::string> conflict_in(const CommandLine& line) {
    if (line.doctor && (line.check || line.stdio)) {
        return "--doctor takes neither --check nor --stdio: it ends when it has looked";
    }
    if (line.json && !line.doctor) return "--json belongs to --doctor";
    if (auto conflict = network_conflict(line)) return conflict;
    const bool sets_up = !line.setup.empty(), adds = !line.add_site.empty();
    if (sets_up && (adds || !line.config_file.empty() || line.names_network())) {
        return "--setup takes --host and --port, and nothing else";
    }
    if (sets_up && line.host.empty()) {
        return "--setup needs --host HOST: the name or address by which the sites reach the relay";
    }
    if (adds && line.config_file.empty()) {
        return "--add-site needs --config FILE: the configuration of the relay";
    }
    if (adds && line.site_in.empty() && line.site_out.empty()) {
        return "--add-site needs --in PATTERN or --out PATTERN: what the site may use and register";
    }
    if (!sets_up && !adds && (!line.host.empty() || !line.port.empty())) {
        return "--host and --port belong to --setup and --add-site; to listen elsewhere: --bind";
    }
    if (!adds && (!line.site_in.empty() || !line.site_out.empty())) {
        return "--in and --out belong to --add-site";
    }
    return std::nullopt;
}

}  // namespace

Result<CommandLine, int> parse_command_line(const ProgramText& text, int argc, char** argv) {
    CommandLine line;
    CLI::App app(text.summary, text.name);
    app.allow_extras();
    app.set_version_flag("--version", text.name + " " INOUT_VERSION + text.version_note);
    std::vector<std::string_view> flags{"--help", "--version", "--check"};
    const auto add = [&](const char* flag, auto& value, const char* type, const char* help) {
        flags.emplace_back(flag);
        const std::string names = flags.back() == "--config" ? "-c,--config" : flag;
        // An empty value would otherwise count as "not given", and the defaults would run.
        auto* const option = app.add_option(names, value, help)->type_name(type);
        option->allow_extra_args(false);  // a list takes one value with each flag
        option->check([](const std::string& given) {
            return given.empty() ? "must not be empty" : std::string();
        });
    };
    add("--config", line.config_file, "FILE", "configuration file (JSON)");
    app.add_flag("--check", line.check,
                 "check the configuration, print it with all defaults, and end");
    if (text.has_server) {
        add("--server", line.server, "HOST:PORT",
            text.has_stdio ? "the proxy's address, or wss://HOST/PATH; of several, with a comma "
                             "between each two"
                           : "the proxy's address, or wss://HOST/PATH");
        add("--join", line.join, "FILE", "the join file that the proxy has made");
    }
    if (text.has_backend) add("--backend", line.backend, "[HOST:]PORT", "the service to offer");
    if (text.has_bind) {
        add("--bind", line.bind, "[HOST:]PORT", "where to listen; *:PORT for all addresses");
    }
    if (text.has_server) {
        add("--topic", line.topic, "TOPIC", "the name of the service; again for more");
    }
    if (text.has_stdio) {
        flags.emplace_back("--stdio");
        app.add_flag(
            "--stdio", line.stdio,
            "carry stdin and stdout to the service, and end with it, as ssh's ProxyCommand "
            "wants it; with --config, --topic says which of its networks");
    }
    if (text.has_doctor) {
        flags.emplace_back("--doctor");
        app.add_flag(
            "--doctor", line.doctor,
            "look at the way to each proxy and service, or to the cluster, say what is wrong, "
            "and end");
        flags.emplace_back("--json");
        app.add_flag("--json", line.json, "with --doctor: print JSON");
    }
    if (text.makes_keys) {
        add("--new-key", line.new_key, "FILE", "write a new random key to this file, and end");
    }
    if (text.sets_up) {
        add("--setup", line.setup, "DIR", "make a relay's files in this new folder, and end");
        add("--add-site", line.add_site, "NAME",
            "add a site to --config, write NAME.join, and end");
        add("--host", line.host, "HOST", "for both: where the sites reach the relay");
        add("--port", line.port, "PORT", "the same (40001)");
        add("--in", line.site_in, "PATTERN", "topics that the new site may use; again for more");
        add("--out", line.site_out, "PATTERN", "topics that the new site may register");
    }
    add("--log-level", line.log_level, "LEVEL", "debug, info, warning or error");
    add("--log-format", line.log_format, "FORMAT", "text or json");
    const auto arguments = with_two_dashes(argc, argv, flags);
    std::vector<const char*> pointers;
    pointers.reserve(arguments.size());
    for (const auto& argument : arguments) pointers.push_back(argument.c_str());
    try {
        app.parse(argc, pointers.data());
    } catch (const CLI::ParseError& error) {
        return Failure{app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2};
    }
    const auto extras = app.remaining();
    for (const std::string& extra : extras) std::cerr << unexpected(extra, flags) << '\n';
    if (!extras.empty()) return Failure{2};
    if (const auto problem = conflict_in(line)) {
        std::cerr << *problem << '\n';
        return Failure{2};
    }
    return line;
}

std::optional<std::string> check_topics(const CommandLine& line, const char* partner,
                                        std::size_t partners) {
    const std::size_t topics = line.topic.size();
    // One of a kind has a default for the other.
    if (line.stdio && !line.join.empty() && topics == 0) {
        return "--topic: the service that --stdio is to reach";
    }
    const bool alone = line.join.empty() && topics <= 1 && partners <= 1;
    // The doctor of in does not listen.
    const bool needs_partner =
        !line.stdio && !(line.doctor && topics > 0 && std::string_view(partner) == "--bind");
    if (!alone && needs_partner && (topics == 0 || topics != partners)) {
        return "each --topic needs its " + std::string(partner) + ", and each " + partner +
               " its --topic: there are " + std::to_string(topics) + " and " +
               std::to_string(partners);
    }
    for (const std::string& topic : line.topic) {
        if (const auto problem = check_topic(topic)) return "--topic " + *problem;
    }
    return std::nullopt;
}

std::optional<std::string> apply_log_flags(LogOptions& log, const CommandLine& line) {
    // What is wrong stands in what it prints.
    if (line.doctor) log.level = log::Level::error;
    if (!line.log_level.empty()) {
        const auto level = parse_log_level(line.log_level);
        if (!level)
            return "--log-level must be debug, info, warning or error, not " +
                   visible(line.log_level);
        log.level = *level;
    }
    if (!line.log_format.empty()) {
        const auto format = parse_log_format(line.log_format);
        if (!format) return "--log-format must be text or json, not " + visible(line.log_format);
        log.format = *format;
    }
    return std::nullopt;
}

}  // namespace inout
