#include "common/app/upgrade.hpp"

#include <cerrno>
#include <system_error>

#include "common/app/standstill.hpp"
#include "common/base/log.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/os/inherited_sockets.hpp"

namespace inout {
namespace {

// What the two say to each other beside the sockets.
constexpr std::string_view kThatIsAll = "that is all", kServes = "serves";
/// For one of these words: the next process reads its sockets at once.
constexpr Milliseconds kWordTimeout{10'000};
/// From its start until it serves: certificates and names, and then as long as it takes all topics
/// to be registered, of which some may never be.
constexpr Milliseconds kUpgradeTimeout{60'000}, kServesWithin{10'000}, kServesPoll{10};

}  // namespace

void Upgrade::begin(std::vector<NamedDescriptor> sockets) {
    stop();
    auto channel = make_channel();
    if (!channel) throw std::system_error(errno, std::generic_category());
    channel_ = std::move(*channel);
    const SignalsBlocked blocked;
    thread_ = std::thread([this, sockets = std::move(sockets)] { run(sockets); });
    running_ = true;
}

void Upgrade::stop() {
    if (!thread_.joinable()) return;
    end_channel(channel_.here.get());
    thread_.join();
    running_ = false;
}

void Upgrade::run(const std::vector<NamedDescriptor>& sockets) {
    try {
        auto pid = hand_over(sockets);
        asio::post(workers_.main().executor(), [this, pid = std::move(pid)] {
            running_ = false;
            ended_(pid);
        });
    } catch (const std::bad_alloc&) {
        running_ = false;  // the next signal tries again
        log::lose_line();
    }
}

Result<int, std::string> Upgrade::hand_over(const std::vector<NamedDescriptor>& sockets) {
    int pid = 0;
    std::error_code error;
    const bool tried = while_workers_stand_still(
        workers_, [&] { error = start_program(call_, channel_.there, pid); });
    channel_.there.reset();
    if (!tried) return Failure{std::string("a worker of this process is busy for too long")};
    if (error) return Failure{call_.path + ": " + error.message()};
    if (auto problem = converse(channel_.here.get(), sockets)) {
        kill_program(pid);
        return Failure{std::move(*problem)};
    }
    forget_programs();
    return pid;
}

std::optional<std::string> Upgrade::converse(int channel,
                                             const std::vector<NamedDescriptor>& sockets) {
    for (const auto& [name, socket] : sockets) {
        if (!send_on_channel(channel, name, socket.get(), kWordTimeout)) {
            return "the new process takes no sockets";
        }
    }
    if (!send_on_channel(channel, kThatIsAll, -1, kWordTimeout)) {
        return "the new process takes no sockets";
    }
    const auto answer = receive_on_channel(channel, kUpgradeTimeout);
    if (answer && answer->name == kServes) return std::nullopt;
    return "the new process has ended, or did not serve within " +
           std::to_string(kUpgradeTimeout.count() / 1'000) + " s; its own log says why";
}

void Predecessor::receive() {
    channel_ = take_given_descriptor();
    if (!channel_) {
        inherited_sockets().add_activated();
        return;
    }
    while (auto received = receive_on_channel(channel_.get(), kWordTimeout)) {
        if (!received->descriptor) return;  // that is all
        inherited_sockets().add(std::move(*received));
    }
}

void Predecessor::release_soon() {
    for (const auto& name : inherited_sockets().close_rest()) {
        log::warning("socket not used", {{"name", name}, {"reason", "nothing listens there now"}});
    }
    if (!channel_) return;
    until_ = Clock::now() + kServesWithin;
    look_later();
}

void Predecessor::look_later() {
    if (serves_() || Clock::now() >= until_) {
        log::info("took over");
        (void)send_on_channel(channel_.get(), kServes, -1, kWordTimeout);
        channel_.reset();
        return;
    }
    timer_.expires_after(kServesPoll);
    timer_.async_wait([this](std::error_code error) {
        if (!error) look_later();
    });
}

}  // namespace inout
