#include "out/exit_users.hpp"

#include <utility>

#include "common/os/secret_file.hpp"

namespace inout::out {

Result<std::shared_ptr<const ForwardUsers>, std::string> load_users(const OutNetwork& network) {
    if (!network.exit || network.exit->users_file.empty()) {
        return std::shared_ptr<const ForwardUsers>();
    }
    const std::string& path = network.exit->users_file;
    const std::string where = "exit.users_file: " + path + ": ";
    const auto text = read_secret_file(path);
    if (!text) return Failure{where + text.error()};
    auto users = ForwardUsers::parse(text->bytes());
    if (!users) return Failure{where + users.error()};
    return std::make_shared<const ForwardUsers>(std::move(*users));
}

}  // namespace inout::out
