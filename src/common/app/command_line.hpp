// The flags of the three programs: what each has, and what was said.
//
// The only door to CLI11. Called once, on the main thread, before anything else; what is wrong is
// said on stderr here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/config/types.hpp"

namespace inout {

/// Which flags a program has beside the common ones.
struct ProgramText {
    std::string name;
    std::string summary;
    std::string version_note{};  ///< what this build of it lacks
    bool has_server = false;     ///< --server HOST:PORT, --join FILE, --topic T
    bool has_backend = false;    ///< --backend HOST:PORT
    bool has_bind = false;       ///< --bind [HOST:]PORT
    bool makes_keys = false;     ///< --new-key FILE
    bool has_stdio = false;      ///< --stdio
    bool has_doctor = false;     ///< --doctor, --json
    bool sets_up = false;        ///< --setup DIR, --add-site NAME and what they need
};

/// What the command line said; a flag that was not given is empty.
struct CommandLine {
    std::string config_file;
    std::string server, join;
    std::vector<std::string> backend, bind,
        topic;  ///< the first of each belong together, and so on
    std::string log_level, log_format;
    std::string new_key;
    std::string setup, add_site, host, port;
    std::vector<std::string> site_in, site_out;
    bool check = false;
    bool stdio = false;
    bool doctor = false, json = false;

    bool names_network() const {
        return !server.empty() || !join.empty() || !backend.empty() || !bind.empty() ||
               !topic.empty();
    }
};

/// The parsed command line, or the exit code (help, version, bad flags).
Result<CommandLine, int> parse_command_line(const ProgramText& text, int argc, char** argv);

/// What is wrong with the topics, or with how many partners there are for them.
std::optional<std::string> check_topics(const CommandLine& line, const char* partner,
                                        std::size_t partners);

/// Puts the topics that were given into the networks, of which there is one, and makes more of them
/// where there are several topics, each of which then needs its own `partner`. The failure says
/// what is wrong.
template <class Network>
std::optional<std::string> apply_topics(std::vector<Network>& networks, const CommandLine& line,
                                        const char* partner,
                                        const std::vector<std::string>& partners) {
    if (auto problem = check_topics(line, partner, partners.size())) return problem;
    if (line.topic.empty()) return std::nullopt;
    networks.resize(line.topic.size(), networks.front());
    for (std::size_t i = 0; i < networks.size(); ++i) networks[i].topic = line.topic[i];
    return std::nullopt;
}

/// The same for --log-level and --log-format.
std::optional<std::string> apply_log_flags(LogOptions& log, const CommandLine& line);

}  // namespace inout
