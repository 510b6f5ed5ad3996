// What a daemon does before it has a configuration.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include "common/app/daemon.hpp"
#include "common/base/crypto.hpp"
#include "common/base/random.hpp"
#include "common/base/secret.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "common/os/secret_file.hpp"
#include "common/os/signals.hpp"

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

void tell_of_terminate() { std::set_terminate(on_terminate); }

void prepare_process() {
    ignore_meaningless_signals();
    open_standard_descriptors();
    const char* const dumpable = std::getenv("INOUT_DUMPABLE");
    if (dumpable != nullptr && std::string_view(dumpable) == "1") return;
    forbid_dumps();
}

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

}  // namespace inout::detail
