#include "common/app/upgrade.hpp"

#include <cerrno>
#include <future>
#include <memory>
#include <system_error>

#include "common/app/standstill.hpp"
#include "common/base/log.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/os/inherited_sockets.hpp"

namespace inout {
namespace {

// What the two say to each other beside the sockets, and beside what is handed over, which begins
// with kHandedOver.
constexpr std::string_view kThatIsAll = "that is all", kServes = "serves", kTookOver = "took over";
constexpr char kHandedOver = '=';
constexpr const char* kNoMemory = "out of memory";
constexpr const char* kTakesNone = "the new process takes no sockets; its own log says why";
/// For one of these words: the next process reads its sockets at once.
constexpr Milliseconds kWordTimeout{10'000};
/// From its start until it serves: certificates and names, and then as long as it takes all topics
/// to be registered, of which some may never be.
constexpr Milliseconds kUpgradeTimeout{60'000}, kServesWithin{10'000}, kPoll{5};

bool says(int channel, std::string_view word) {
    return send_on_channel(channel, word, -1, kWordTimeout);
}

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
    stopping_ = true;
    end_channel(channel_.here.get());
    thread_.join();
    stopping_ = running_ = false;
}

void Upgrade::run(const std::vector<NamedDescriptor>& sockets) {
    Result<int, std::string> pid = Failure{std::string(kNoMemory)};
    try {
        pid = hand_over(sockets);
    } catch (const std::bad_alloc&) {
        log::lose_line();
    }
    try {
        asio::post(workers_.main().executor(), [this, pid] {
            running_ = false;
            ended_(pid);
        });
    } catch (const std::bad_alloc&) {
        // What was handed over, and nobody has perhaps, would stay so.
        can_not_go_on("upgrade", kNoMemory);
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
    std::optional<std::string> problem;
    try {
        problem = converse(channel_.here.get(), sockets);
    } catch (const std::bad_alloc&) {
        problem = kNoMemory;
    }
    if (problem) {
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
            return kTakesNone;
        }
    }
    if (!says(channel, kThatIsAll)) return kTakesNone;
    const auto answer = receive_on_channel(channel, kUpgradeTimeout);
    if (!answer || answer->name != kServes) {
        return "the new process has ended, or did not serve within " +
               std::to_string(kUpgradeTimeout.count() / 1'000) + " s; its own log says why";
    }
    const auto words = ask_main();
    if (!words) return kNoMemory;
    for (const auto& word : *words) {
        if (!says(channel, kHandedOver + word)) return "the new process ended when it took over";
    }
    if (says(channel, kThatIsAll)) {
        const auto last = receive_on_channel(channel, kWordTimeout);
        if (last && last->name == kTookOver) return std::nullopt;
    }
    return "the new process ended when it took over";
}

/// On its thread, which may end instead: then this one does, too.
std::optional<std::vector<std::string>> Upgrade::ask_main() {
    using Words = std::optional<std::vector<std::string>>;
    const auto promise = std::make_shared<std::promise<Words>>();
    auto future = promise->get_future();
    asio::post(workers_.main().executor(), [this, promise] {
        try {
            promise->set_value(hand_over_());
        } catch (const std::bad_alloc&) {
            promise->set_value(std::nullopt);
        }
    });
    while (future.wait_for(kPoll) != std::future_status::ready) {
        if (stopping_) return std::nullopt;
    }
    return future.get();
}

void Predecessor::receive() {
    channel_ = take_given_descriptor();
    if (!channel_) {
        inherited_sockets().add_activated();
        return;
    }
    while (auto received = receive_on_channel(channel_.get(), kWordTimeout)) {
        if (!received->descriptor && received->name == kThatIsAll) return;
        inherited_sockets().add(std::move(*received));
    }
}

void Predecessor::release_soon() {
    for (const auto& name : inherited_sockets().close_rest()) {
        log::warning("socket not used", {{"name", name}, {"reason", "nothing listens there now"}});
    }
    if (!channel_) {
        take_over_({});
        return;
    }
    until_ = Clock::now() + kServesWithin;
    look();
}

void Predecessor::again(void (Predecessor::*step)()) {
    timer_.expires_after(kPoll);
    timer_.async_wait([this, step](std::error_code error) {
        if (!error) (this->*step)();
    });
}

void Predecessor::look() {
    if (!serves_() && Clock::now() < until_) return again(&Predecessor::look);
    (void)says(channel_.get(), kServes);
    until_ = Clock::now() + kWordTimeout;
    hear();
}

/// One that has gone meanwhile has left what it has said.
void Predecessor::hear() {
    bool is_all = false;
    while (auto received = receive_on_channel(channel_.get(), Milliseconds{0})) {
        is_all = received->name == kThatIsAll;
        if (is_all) break;
        if (received->name.starts_with(kHandedOver)) words_.push_back(received->name.substr(1));
    }
    if (!is_all && !is_channel_over(channel_.get()) && Clock::now() < until_) {
        return again(&Predecessor::hear);
    }
    take_over_(words_);
    words_ = {};
    log::info("took over");
    (void)says(channel_.get(), kTookOver);
    channel_.reset();
}

}  // namespace inout
