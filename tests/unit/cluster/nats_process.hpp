// A real nats-server on loopback, a child that ends with its object. Of one test's thread.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

extern char** environ;

namespace inout::test {

class NatsProcess {
  public:
    /// `config`: more of its configuration.
    explicit NatsProcess(std::string config = "") : config_(std::move(config)) {
        std::string name = (std::filesystem::temp_directory_path() / "inout-nats-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder");
        folder_ = name;
        start();
    }
    NatsProcess(const NatsProcess&) = delete;
    NatsProcess& operator=(const NatsProcess&) = delete;
    ~NatsProcess() {
        kill();
        std::filesystem::remove_all(folder_);
    }

    static bool is_installed() { return std::filesystem::exists(kProgram); }
    std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }
    int port() const { return port_; }
    std::string folder() const { return folder_.string(); }

    /// At the port that it had.
    void start() {
        const auto log = folder_ / "log";
        std::filesystem::remove(log);
        std::ofstream(folder_ / "conf")
            << "host: 127.0.0.1\nport: " << (port_ == 0 ? -1 : port_) << "\n"
            << config_;
        const std::string conf = (folder_ / "conf").string(), log_name = log.string();
        // If this process dies it ends too, and meanwhile holds no pipe that others read to the
        // end.
        std::vector<std::string> words{kWithParent, "--pdeathsig", "KILL", kProgram,
                                       "-c",        conf,          "-l",   log_name};
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
            ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
        }
        const int error =
            ::posix_spawn(&pid_, kWithParent, &actions, nullptr, arguments.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        if (error != 0) throw std::runtime_error("nats-server does not start");
        port_ = wait_for_port(log);
    }
    void kill(int signal = SIGKILL) {
        if (pid_ == 0) return;
        ::kill(pid_, signal);
        if (signal != SIGKILL) return;
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }

  private:
    static constexpr const char* kProgram = "/usr/sbin/nats-server";
    static constexpr const char* kWithParent = "/usr/bin/setpriv";

    int wait_for_port(const std::filesystem::path& log) const {
        const std::string before = "Listening for client connections on 127.0.0.1:";
        for (int i = 0; i < 2'000; ++i) {
            std::ifstream file(log);
            std::stringstream text;
            text << file.rdbuf();
            const std::string all = text.str();
            const auto at = all.find(before);
            if (at != all.npos && all.find("Server is ready", at) != all.npos) {
                return std::atoi(all.c_str() + at + before.size());
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        throw std::runtime_error("nats-server is not ready");
    }

    const std::string config_;
    std::filesystem::path folder_;
    pid_t pid_ = 0;
    int port_ = 0;
};

}  // namespace inout::test
