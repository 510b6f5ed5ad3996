// The end-to-end key beside a join file, before a program runs with it.
#include <filesystem>
#include <iostream>

#include "common/app/daemon.hpp"
#include "common/app/join.hpp"
#include "common/app/relay_setup.hpp"
#include "common/base/random.hpp"
#include "common/base/secret.hpp"
#include "common/os/secret_file.hpp"

namespace inout {
namespace {

bool is_there(const std::filesystem::path& path) {
    std::error_code error;
    // What can not be examined is there: reading it says what is wrong.
    return std::filesystem::symlink_status(path, error).type() !=
           std::filesystem::file_type::not_found;
}

/// out makes the key where none is. The failure is for a person.
std::optional<std::string> make_sites_key(const std::string& key, const std::string& join) {
    const auto folder = std::filesystem::path(key).parent_path();
    if (is_there(folder / kRelayConfigFile)) {
        return "--join " + join + ": beside it is " + kRelayConfigFile +
               ", so this is the folder of the relay, where the end-to-end key must never be. "
               "Carry the join file to the machine of the service (scp -p), or on this one into a "
               "folder of its own";
    }
    const auto problem = write_new_secret_file(key, random_hex(kNewKeyDigits) + "\n");
    if (!problem) {
        std::cout << key
                  << ": a new end-to-end key, which the relay must never have. Carry it to "
                     "each machine of \"in\", beside its join file, and to each further \"out\" of "
                     "this relay before that starts: scp -p "
                  << key << " MACHINE:FOLDER/\n"
                  << std::flush;
        return std::nullopt;
    }
    if (is_there(key)) return std::nullopt;  // another out was faster
    return key + ": " + *problem;
}

}  // namespace

std::string sites_key_of(const std::string& join_file) {
    return (std::filesystem::absolute(join_file).parent_path() / kSitesKeyFile).string();
}

std::optional<std::string> detail::prepare_join(const CommandLine& line, bool makes_key) {
    if (line.join.empty()) return std::nullopt;
    const std::string key = sites_key_of(line.join);
    if (is_there(key)) return std::nullopt;
    if (makes_key && !line.check && !line.doctor) return make_sites_key(key, line.join);
    if (makes_key)
        return key + ": is not there yet; out makes it when it starts without --check and --doctor";
    return key +
           ": is not there: it is the end-to-end key, which out makes when it first starts with "
           "its "
           "join file, beside that. Carry it here, from the machine of out: scp -p "
           "MACHINE:FOLDER/" +
           kSitesKeyFile + " " + key;
}

}  // namespace inout
