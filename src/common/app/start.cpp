// What a daemon does before it has a configuration, and before it does anything with that.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include "common/app/daemon.hpp"
#include "common/app/relay_setup.hpp"
#include "common/base/crypto.hpp"
#include "common/base/log.hpp"
#include "common/base/memory_reserve.hpp"
#include "common/base/random.hpp"
#include "common/base/secret.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "common/os/secret_file.hpp"
#include "common/os/signals.hpp"
#include "common/os/socket.hpp"
#include "common/tls/context.hpp"

namespace inout::detail {
namespace {

[[noreturn]] void on_terminate() {
    try {
        if (const auto error = std::current_exception()) std::rethrow_exception(error);
    } catch (const std::exception& error) {
        can_not_go_on("terminate", error.what());
    } catch (...) {
    }
    can_not_go_on("terminate", "unknown");
}

}  // namespace

void prepare_process() {
    ignore_meaningless_signals();
    open_standard_descriptors();
    const char* const dumpable = std::getenv("INOUT_DUMPABLE");
    if (dumpable != nullptr && std::string_view(dumpable) == "1") return;
    forbid_dumps();
}

bool begin(const std::string& name, const CommonConfig& config) {
    try {
        log::start(name, config.log.level, config.log.format);
    } catch (const std::system_error& error) {
        std::cerr << "cannot start: no threads: " << error.code().message() << '\n';
        return false;
    }
    std::set_terminate(on_terminate);
    keep_memory_reserve();
    set_buffer_bytes(static_cast<int>(config.stream_buffer));
    const auto problem = tls_problem();
    if (!problem) return true;
    log::error("cannot start", {{"reason", *problem}});
    log::flush();
    return false;
}

FlushAtEnd::~FlushAtEnd() { log::flush(); }

Result<std::string, ConfigProblems> read_config_file(const std::string& path) {
    // One byte more than is allowed is enough for the parser to say so.
    auto text = read_up_to(path, kConfigMaxBytes + 1);
    if (text) return std::move(*text);
    return Failure{ConfigProblems{path + ": cannot be read: " + text.error().message()}};
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
    return all;
}

int report(const ConfigProblems& problems) {
    // Each in one write: at an upgrade the process before this one writes there, too.
    for (const std::string& problem : problems) std::cerr << problem + '\n';
    return 2;
}

int write_new_key(const std::string& path) {
    if (const auto problem = crypto_problem()) {
        std::cerr << "--new-key " << path << ": " << *problem << '\n';
        return 1;
    }
    if (const auto problem = write_new_secret_file(path, random_hex(kNewKeyDigits) + "\n")) {
        std::cerr << "--new-key " << path << ": " << *problem << '\n';
        return 1;
    }
    return 0;
}

std::optional<int> set_up(const CommandLine& line) {
    if (!line.setup.empty()) return set_up_relay(line);
    if (!line.add_site.empty()) return add_site(line);
    return std::nullopt;
}

}  // namespace inout::detail
