#include "common/os/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "common/os/descriptor_channel.hpp"

namespace inout {
namespace {

/// The first number behind the standard ones; all others are closed in the new process.
constexpr int kGivenNumber = 3;

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<std::string> environment_with_given() {
    const std::string given = std::string(kGivenDescriptor) + '=';
    std::vector<std::string> environment;
    for (char** each = environ; *each != nullptr; ++each) {
        const std::string_view variable(*each);
        // The new process is the one that a service manager watches soon.
        const bool is_ours = variable.starts_with(given) || variable.starts_with("WATCHDOG_PID=");
        if (!is_ours) environment.emplace_back(variable);
    }
    environment.push_back(given + std::to_string(kGivenNumber));
    return environment;
}

/// What the new process finds changed of what it would inherit.
class Changes {
  public:
    explicit Changes(int given) {
        ::posix_spawn_file_actions_init(&files_);
        ::posix_spawn_file_actions_adddup2(&files_, given, kGivenNumber);
        // They would be closed anyhow, but perhaps not yet when posix_spawn(3) returns here.
        ::posix_spawn_file_actions_addclosefrom_np(&files_, kGivenNumber + 1);
        ::posix_spawnattr_init(&attributes_);
        sigset_t none;
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
    }
    Changes(const Changes&) = delete;
    Changes& operator=(const Changes&) = delete;
    ~Changes() {
        ::posix_spawnattr_destroy(&attributes_);
        ::posix_spawn_file_actions_destroy(&files_);
    }
    const posix_spawn_file_actions_t* files() const { return &files_; }
    const posix_spawnattr_t* attributes() const { return &attributes_; }

  private:
    posix_spawn_file_actions_t files_{};
    posix_spawnattr_t attributes_{};
};

}  // namespace

ProgramCall program_call(int argc, const char* const* argv) {
    ProgramCall call{{}, std::vector<std::string>(argv, argv + argc)};
    namespace fs = std::filesystem;
    std::error_code ignored;
    if (argc > 0 && call.arguments.front().find('/') != std::string::npos) {
        // Not resolved: an upgrade may point a link somewhere else.
        call.path = fs::absolute(call.arguments.front(), ignored).string();
    } else {
        call.path = fs::read_symlink("/proc/self/exe", ignored).string();
    }
    return call;
}

std::error_code start_program(const ProgramCall& call, const UniqueFd& given, int& pid) {
    std::vector<std::string> arguments = call.arguments;
    std::vector<std::string> environment = environment_with_given();
    const Changes changes(given.get());
    const int error = ::posix_spawn(&pid, call.path.c_str(), changes.files(), changes.attributes(),
                                    pointers_to(arguments).data(), pointers_to(environment).data());
    return {error, std::generic_category()};
}

UniqueFd take_given_descriptor() {
    const char* const text = std::getenv(kGivenDescriptor);
    if (text == nullptr) return {};
    const bool is_ours = std::string_view(text) == std::to_string(kGivenNumber);
    ::unsetenv(kGivenDescriptor);
    if (!is_ours || !is_channel(kGivenNumber)) return {};
    ::fcntl(kGivenNumber, F_SETFD, FD_CLOEXEC);
    return UniqueFd(kGivenNumber);
}

void kill_program(int pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
}

void forget_programs() { ::signal(SIGCHLD, SIG_IGN); }

}  // namespace inout
