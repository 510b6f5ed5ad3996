// The common main of the three programs: configuration, signals, drain, exit code.
//
// A program gives its texts, how its flags change its configuration, and its Service. Exit codes: 0
// ended on request, 1 could not run (an address is taken), 2 bad flags or configuration. Everything
// here belongs to the main thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/app/command_line.hpp"
#include "common/app/worker.hpp"
#include "common/config/advice.hpp"
#include "common/config/files.hpp"
#include "common/config/types.hpp"

namespace inout {

/// What a program does between start and end. Called on the main thread.
class Service {
  public:
    virtual ~Service() = default;
    /// Reads the files that the configuration names, before anything else; what is wrong with them.
    virtual ConfigProblems load() = 0;
    /// Binds what it has to; the failure is the reason why the program can not run.
    virtual std::optional<std::string> start() = 0;
    /// Takes no new streams from now on.
    virtual void drain() = 0;
};

/// Each is given as a function so that one template serves three configurations.
template <class Config>
struct Program {
    ProgramText text;
    Result<Config, ConfigProblems> (*parse)(std::string_view text, std::string_view file,
                                            ConfigWarnings* warnings);
    Config (*defaults)();
    /// Puts the network flags into a configuration; the failure names the flag.
    std::optional<std::string> (*apply)(Config& config, const CommandLine& line);
    std::unique_ptr<Service> (*make)(Workers& workers, const Config& config);
};

namespace detail {
/// Before anything else. Signals that mean nothing here are ignored. Descriptors 0 to 2 are open
/// afterwards, so that no socket becomes stdout; and memory, which has secrets, is not written to
/// core files nor shown to other processes of the user, unless the environment says
/// INOUT_DUMPABLE=1.
void prepare_process();
/// The file's text, or nothing after having said why.
std::optional<std::string> read_config_file(const std::string& path);
int report(const ConfigProblems& problems);
int write_new_key(const std::string& path);
/// What --check prints: for programs on stdout, for people on stderr.
struct CheckText {
    std::string json, summary;
};
/// With `check_only` only prints that, if the files are fine too. The warnings are printed or
/// logged.
int run(const std::string& name, const CommonConfig& config, const ConfigWarnings& warnings,
        const std::function<std::unique_ptr<Service>(Workers&)>& make,
        const std::optional<CheckText>& check_only);
}  // namespace detail

template <class Config>
int run_program(const Program<Config>& program, int argc, char** argv) {
    detail::prepare_process();
    const auto line = parse_command_line(program.text, argc, argv);
    if (!line) return line.error();
    if (!line->new_key.empty()) return detail::write_new_key(line->new_key);
    Config config = program.defaults();
    ConfigWarnings warnings;
    if (!line->config_file.empty()) {
        const auto text = detail::read_config_file(line->config_file);
        if (!text) return 2;
        auto parsed = program.parse(*text, line->config_file, &warnings);
        if (!parsed) return detail::report(parsed.error());
        config = std::move(*parsed);
        resolve_files(config, line->config_file);
    }
    if (const auto problem = program.apply(config, *line)) return detail::report({*problem});
    if (line->config_file.empty()) {
        for (const auto& [key, what] : security_advice(config)) {
            warnings.push_back("--" + std::string(key) + ": " + what);
        }
    }
    if (const auto problem = apply_log_flags(config.log, *line)) {
        return detail::report({*problem});
    }
    // Lives until the process is gone: pending operations refer to it.
    static const Config running = std::move(config);
    const auto make = [&](Workers& workers) { return program.make(workers, running); };
    std::optional<detail::CheckText> check;
    if (line->check) check = {to_json(running), access_summary(running)};
    return detail::run(program.text.name, running, warnings, make, check);
}

}  // namespace inout
