// The flags of the three programs: what each has, and what was said.
//
// The only door to CLI11. Called once, on the main thread, before anything else; what is wrong is
// said on stderr here.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.hpp"
#include "common/config/types.hpp"

namespace inout {

/// Which flags a program has beside the common ones.
struct ProgramText {
    std::string name;
    std::string summary;
    std::string version_note{};  ///< what this build of it lacks
    bool has_server = false;     ///< --server HOST:PORT and --topic T
    bool has_backend = false;    ///< --backend HOST:PORT
    bool has_bind = false;       ///< --bind [HOST:]PORT
    bool makes_keys = false;     ///< --new-key FILE
    bool has_stdio = false;      ///< --stdio
};

/// What the command line said; a flag that was not given is empty.
struct CommandLine {
    std::string config_file;
    std::string server, backend, bind, topic;
    std::string log_level, log_format;
    std::string new_key;
    bool check = false;
    bool stdio = false;

    bool names_network() const {
        return !server.empty() || !backend.empty() || !bind.empty() || !topic.empty();
    }
};

/// The parsed command line, or the exit code (help, version, bad flags).
Result<CommandLine, int> parse_command_line(const ProgramText& text, int argc, char** argv);

/// Puts --topic, if it was given, into `topic`; the failure says what is wrong with it.
std::optional<std::string> apply_topic(std::string& topic, const CommandLine& line);

/// The same for --log-level and --log-format.
std::optional<std::string> apply_log_flags(LogOptions& log, const CommandLine& line);

}  // namespace inout
