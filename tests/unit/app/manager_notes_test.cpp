// A service manager hears that the process is alive only while every worker handles something.
#include "common/app/manager_notes.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <future>
#include <thread>

namespace inout::manager_notes_test {
namespace {

/// The manager's socket, an abstract one, which the process's variables name.
struct Ear {
    int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    Ear() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string name = "inout-manager-notes-" + std::to_string(::getpid());
        std::memcpy(address.sun_path + 1, name.data(), name.size());
        const auto size = offsetof(sockaddr_un, sun_path) + 1 + name.size();
        EXPECT_EQ(0, ::bind(fd, reinterpret_cast<const sockaddr*>(&address),
                            static_cast<socklen_t>(size)));
        ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
        ::setenv("WATCHDOG_USEC", "60000000", 1);
    }
    ~Ear() {
        ::unsetenv("NOTIFY_SOCKET");
        ::unsetenv("WATCHDOG_USEC");
        ::close(fd);
    }
    std::string heard() const {
        std::array<char, 256> text{};
        const auto size = ::recv(fd, text.data(), text.size(), MSG_DONTWAIT);
        return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
    }
};

TEST(ManagerNotes, one_worker_that_hangs_is_the_end_of_the_signs_of_life) {
    const Ear ear;
    Workers workers(2, RelayOptions{});
    workers.start();
    ManagerNotes notes(workers);
    std::promise<void> hangs, over;
    Worker* last = nullptr;
    workers.for_each([&last](Worker& worker) { last = &worker; });
    asio::post(last->executor(), [&] {
        hangs.set_value();
        over.get_future().wait();
    });
    hangs.get_future().wait();
    notes.check_alive();  // asks both
    std::thread main([&workers] { workers.run(); });
    std::promise<void> main_ran;
    asio::post(workers.main().executor(), [&main_ran] { main_ran.set_value(); });
    main_ran.get_future().wait();
    notes.check_alive();
    notes.check_alive();
    EXPECT_EQ("", ear.heard());

    over.set_value();
    while (ear.heard() != "WATCHDOG=1") {
        notes.check_alive();
        std::this_thread::yield();
    }
    workers.stop();
    main.join();
}

TEST(ManagerNotes, a_watch_of_another_process_is_not_its_own) {
    const Ear ear;
    ::setenv("WATCHDOG_PID", "1", 1);
    Workers workers(1, RelayOptions{});
    ManagerNotes notes(workers);
    ::unsetenv("WATCHDOG_PID");
    notes.check_alive();
    asio::post(workers.main().executor(), [&workers] { workers.stop(); });
    workers.run();
    notes.check_alive();
    EXPECT_EQ("", ear.heard());
}

TEST(ManagerNotes, a_status_is_told_once) {
    const Ear ear;
    Workers workers(1, RelayOptions{});
    ManagerNotes notes(workers);
    notes.has_status("ready");
    notes.has_status("ready");
    EXPECT_EQ("STATUS=ready", ear.heard());
    EXPECT_EQ("", ear.heard());
}

}  // namespace
}  // namespace inout::manager_notes_test
