// The common main of the three programs: configuration, signals, reload, drain, exit code.
//
// A program gives its texts, how its flags change its configuration, and its Service. Exit codes: 0
// ended on request, 1 could not run (an address is taken), 2 bad flags or configuration. Everything
// here belongs to the main thread, but for what a reload prepares.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/admin/facts.hpp"
#include "common/app/command_line.hpp"
#include "common/app/reload.hpp"
#include "common/app/worker.hpp"
#include "common/config/advice.hpp"
#include "common/config/files.hpp"
#include "common/config/types.hpp"
#include "common/os/descriptor_channel.hpp"
#include "common/os/program.hpp"

namespace inout {

/// What a program does between start and end.
class Service {
  public:
    virtual ~Service() = default;
    /// Takes no new streams from now on. Main thread.
    virtual void drain() = 0;
    /// Why it can not do its work now, beyond what the counters tell; nothing: it can. Any thread.
    virtual std::optional<std::string> not_ready() { return std::nullopt; }
    /// Adds what it alone knows. Any thread.
    virtual void add_facts(admin::Facts&) {}
    /// Adds copies of the sockets where it listens, for the next process of this program, which is
    /// to take over from this one. The failure says why that can not be. Main thread.
    virtual std::optional<std::string> copy_sockets(std::vector<NamedDescriptor>& sockets) = 0;
    /// That one serves as soon as it has what this returns: what it has to know of what was here,
    /// each at most kChannelNameBytes - 1 bytes. drain() follows, or take_back(). Main thread.
    virtual std::vector<std::string> hand_over() { return {}; }
    /// Nothing came of it: goes on as if nothing had been. Main thread.
    virtual void take_back() {}
    /// Whether it can do by now what the process before it does. Main thread.
    virtual bool may_take_over() { return true; }
    /// It listens, and nobody else serves there from now on. `words`: of the process before. Main
    /// thread, once.
    virtual void take_over(const std::vector<std::string>&) {}
    /// Whether all that it does behind drain() is done, but for what the counters tell. Main
    /// thread.
    virtual bool has_drained() { return true; }
    /// All streams have ended, and nothing follows: what has to be kept is saved.
    virtual void stop() {}
    /// What it serves, for people (docs/operations.md). Any thread.
    virtual admin::Page topics(const admin::Cut&) { return {}; }
    /// The page that it shows them; nothing: none. Any thread.
    virtual const admin::Document* document() { return nullptr; }
    /// Ends what registers this topic, which may be registered again at once; its streams stay. How
    /// many that were; nothing: this program registers none. Any thread.
    virtual std::optional<std::size_t> kick_topic(const std::string&) { return std::nullopt; }
};

/// A configuration of a service that can be taken into use.
struct Ready {
    std::vector<Validity> validities;  ///< of its certificates
    /// Looks up the names that commit() needs; before it, on any thread. May take long.
    std::function<void()> look_up;
    /// Changes what is different from what runs, which at the start is nothing: binds, registers,
    /// closes. On the main thread. The failure (an address is taken): nothing was changed.
    std::function<std::optional<std::string>()> commit;
};

template <class Config>
class ServiceOf : public Service {
  public:
    /// Reads what a configuration names, makes what it needs and checks that all can be done; what
    /// is wrong with it. Touches nothing that runs. On any thread; the next one follows when this
    /// was committed or dropped.
    virtual Result<Ready, ConfigProblems> prepare(std::shared_ptr<const Config> config) = 0;
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
    /// `config`: the first one, which is prepared next.
    std::unique_ptr<ServiceOf<Config>> (*make)(Workers& workers, const Config& config);
    /// What --stdio does instead, if the program has it; the exit code.
    int (*run_stdio)(std::shared_ptr<const Config> config) = nullptr;
    /// What --doctor does instead; `json`: with --json. The exit code.
    int (*run_doctor)(const std::shared_ptr<const Config>& config, bool json) = nullptr;
};

namespace detail {
/// Before anything else. Signals that mean nothing here are ignored. Descriptors 0 to 2 are open
/// afterwards, so that no socket becomes stdout; and memory, which has secrets, is not written to
/// core files nor shown to other processes of the user, unless the environment says
/// INOUT_DUMPABLE=1.
void prepare_process();
/// When the configuration is known: the log, in which the reason of an exception that nobody takes
/// will stand too, a reserve of memory, and whether OpenSSL works. False: it can not run, and why
/// was said.
bool begin(const std::string& name, const CommonConfig& config);
RelayOptions relay_options(const CommonConfig& config);
/// What the log still holds is written, for a while.
struct FlushAtEnd {
    FlushAtEnd() = default;
    FlushAtEnd(const FlushAtEnd&) = delete;
    FlushAtEnd& operator=(const FlushAtEnd&) = delete;
    ~FlushAtEnd();
};
Result<std::string, ConfigProblems> read_config_file(const std::string& path);
int report(const ConfigProblems& problems);
/// For the log.
std::string joined(const std::vector<std::string>& words);
int write_new_key(const std::string& path);
/// What else ends at once, by flags that only the proxy has: the exit code; nothing: none of it.
std::optional<int> set_up(const CommandLine& line);
/// The end-to-end key beside a join file, if there is one: made, if this program makes it and it is
/// not there. What is wrong.
std::optional<std::string> prepare_join(const CommandLine& line, bool makes_key);
/// A program with its configuration, whatever the type of that is.
class Instance {
  public:
    virtual ~Instance() = default;
    virtual const std::string& name() const = 0;
    /// The first configuration.
    virtual const CommonConfig& config() const = 0;
    /// What --check says of it to people.
    virtual std::string summary() const = 0;
    virtual void make(Workers& workers) = 0;

    // When it is made.

    /// Looks up nothing yet.
    virtual Result<Prepared, ConfigProblems> prepare_first() = 0;
    /// Reads the file again, on any thread.
    virtual Result<Prepared, ConfigProblems> prepare_again() = 0;
    virtual Service& service() = 0;
};
/// With `check_only` only prints the configuration, if the files are fine too: for programs on
/// stdout, for people on stderr. `instance` lives as long as the process.
int run(Instance& instance, const ProgramCall& call, bool check_only);
}  // namespace detail

/// A configuration as the file and the flags have it.
template <class Config>
struct Parsed {
    std::shared_ptr<const Config> config;
    ConfigWarnings warnings;
};

template <class Config>
Result<Parsed<Config>, ConfigProblems> parse_all(const Program<Config>& program,
                                                 const CommandLine& line) {
    Config config = program.defaults();
    ConfigWarnings warnings;
    if (!line.config_file.empty()) {
        const auto text = detail::read_config_file(line.config_file);
        if (!text) return Failure{text.error()};
        auto parsed = program.parse(*text, line.config_file, &warnings);
        if (!parsed) return Failure{parsed.error()};
        config = std::move(*parsed);
        resolve_files(config, line.config_file);
    }
    if (const auto problem = program.apply(config, line)) return Failure{ConfigProblems{*problem}};
    if (line.config_file.empty()) {
        for (const auto& [key, what] : security_advice(config)) {
            warnings.push_back("--" + std::string(key) + ": " + what);
        }
    }
    if (const auto problem = apply_log_flags(config.log, line)) {
        return Failure{ConfigProblems{*problem}};
    }
    return Parsed<Config>{std::make_shared<const Config>(std::move(config)), std::move(warnings)};
}

namespace detail {

template <class Config>
class InstanceOf : public Instance {
  public:
    InstanceOf(const Program<Config>& program, CommandLine line, Parsed<Config> first)
        : program_(program), line_(std::move(line)), first_(std::move(first)) {}

    const std::string& name() const override { return program_.text.name; }
    const CommonConfig& config() const override { return *first_.config; }
    std::string summary() const override { return access_summary(*first_.config); }
    void make(Workers& workers) override { service_ = program_.make(workers, *first_.config); }
    Result<Prepared, ConfigProblems> prepare_first() override { return prepare(first_); }
    Result<Prepared, ConfigProblems> prepare_again() override {
        auto parsed = parse_all(program_, line_);
        if (!parsed) return Failure{parsed.error()};
        auto prepared = prepare(*parsed);
        if (prepared && prepared->look_up) prepared->look_up();
        return prepared;
    }
    Service& service() override { return *service_; }

  private:
    static ConfigProblems problems_of(const Result<Ready, ConfigProblems>& ready,
                                      const Result<admin::SettingsPtr, ConfigProblems>& admin) {
        ConfigProblems all;
        if (!ready) all = ready.error();
        if (!admin) all.insert(all.end(), admin.error().begin(), admin.error().end());
        return all;
    }
    Result<Prepared, ConfigProblems> prepare(const Parsed<Config>& parsed) {
        FileStamps files = stamps_of(files_of(*parsed.config));
        auto ready = service_->prepare(parsed.config);
        auto admin = admin::load_settings(parsed.config->admin);
        if (!ready || !admin) return Failure{problems_of(ready, admin)};
        auto& validities = ready->validities;
        if (*admin && (*admin)->tls) {
            for (Validity validity : (*admin)->tls->validities()) {
                validity.key = "admin." + validity.key;
                validities.push_back(std::move(validity));
            }
        }
        return Prepared{.config = parsed.config,
                        .json = to_json(*parsed.config),
                        .warnings = parsed.warnings,
                        .files = std::move(files),
                        .validities = std::move(validities),
                        .look_up = std::move(ready->look_up),
                        .admin = std::move(*admin),
                        .commit = std::move(ready->commit)};
    }

    const Program<Config> program_;
    const CommandLine line_;
    const Parsed<Config> first_;
    std::unique_ptr<ServiceOf<Config>> service_;
};

}  // namespace detail

template <class Config>
int run_program(const Program<Config>& program, int argc, char** argv) {
    detail::prepare_process();
    const ProgramCall call = program_call(argc, argv);
    auto line = parse_command_line(program.text, argc, argv);
    if (!line) return line.error();
    if (!line->new_key.empty()) return detail::write_new_key(line->new_key);
    if (const auto code = detail::set_up(*line)) return *code;
    auto first = parse_all(program, *line);
    if (!first) return detail::report(first.error());
    if (const auto problem = detail::prepare_join(*line, program.text.has_backend)) {
        return detail::report({*problem});
    }
    // Never destroyed: coroutines that still wait refer to the service and to each other's workers,
    // and the process's end frees all of it at once.
    const bool check_only = line->check;
    if (line->stdio && !check_only) return program.run_stdio(first->config);
    if (line->doctor) {
        // What reading files makes the log say is in what the log is for, and not in the report.
        if (!detail::begin(program.text.name, *first->config)) return 1;
        return program.run_doctor(first->config, line->json);
    }
    static auto* const instance =
        new detail::InstanceOf<Config>(program, std::move(*line), std::move(*first));
    return detail::run(*instance, call, check_only);
}

}  // namespace inout
