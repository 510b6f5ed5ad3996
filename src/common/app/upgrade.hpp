// Upgrade: the next process of this program, of a new version perhaps, takes over from this one
// without a gap.
//
// The old one starts it and gives it copies of its listening sockets. When the new one serves, it
// says so; it is told what it has to know of what was here, and says that it has that; then the old
// one takes no new streams and ends with its last one. Until then the old one serves as ever, and
// goes on if nothing comes of it. Main thread. docs/operations.md, "Upgrade".
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/app/worker.hpp"
#include "common/base/result.hpp"
#include "common/os/descriptor_channel.hpp"
#include "common/os/program.hpp"

namespace inout {

/// The old one's part: on a thread of its own, since the new one may take its time.
class Upgrade {
  public:
    /// What the new one has to know (Service::hand_over).
    using HandOver = std::function<std::vector<std::string>()>;
    /// The number of the new process, which serves; the failure: there is none.
    using Ended = std::function<void(Result<int, std::string> pid)>;
    /// Both are called on the main worker, for as long as that runs.
    Upgrade(Workers& workers, ProgramCall call, HandOver hand_over, Ended ended)
        : workers_(workers),
          call_(std::move(call)),
          hand_over_(std::move(hand_over)),
          ended_(std::move(ended)) {}
    Upgrade(const Upgrade&) = delete;
    Upgrade& operator=(const Upgrade&) = delete;
    ~Upgrade() { stop(); }

    bool is_running() const { return running_; }
    /// Throws std::system_error if there can be no thread.
    void begin(std::vector<NamedDescriptor> sockets);
    /// A new one that does not serve yet is ended.
    void stop();

  private:
    void run(const std::vector<NamedDescriptor>& sockets);
    Result<int, std::string> hand_over(const std::vector<NamedDescriptor>& sockets);
    std::optional<std::string> converse(int channel, const std::vector<NamedDescriptor>& sockets);
    std::optional<std::vector<std::string>> ask_main();

    Workers& workers_;
    const ProgramCall call_;
    const HandOver hand_over_;
    const Ended ended_;
    std::thread thread_;
    std::atomic<bool> running_{false}, stopping_{false};
    ChannelEnds channel_{};
};

/// The new one's part.
class Predecessor {
  public:
    /// What the predecessor knows; nothing, if there is none (Service::take_over).
    using TakeOver = std::function<void(const std::vector<std::string>& words)>;
    /// `serves`: this process does what it is there for, as far as it can be done at all.
    Predecessor(const Executor& main, std::function<bool()> serves, TakeOver take_over)
        : timer_(main), serves_(std::move(serves)), take_over_(std::move(take_over)) {}

    /// Takes the sockets of the process that has started this one to take over from it, or of a
    /// service manager: before anything listens.
    void receive();
    /// It listens. What was given and not taken is closed; the old process may go when this one
    /// serves, or has tried long enough: what does not work here does not work there either.
    void release_soon();

  private:
    void look();
    void hear();
    void again(void (Predecessor::*step)());

    Timer timer_;
    const std::function<bool()> serves_;
    const TakeOver take_over_;
    Clock::time_point until_{};
    UniqueFd channel_;
    std::vector<std::string> words_;
};

}  // namespace inout
