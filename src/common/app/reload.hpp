// Reloader: reads a program's configuration again while it runs.
//
// When it is asked to, and when files that the configuration names have changed; on a thread of its
// own, so that a slow disk or a thousand certificates hold up no stream. One at a time: who asks
// meanwhile gets another one behind it. What was read is taken into use on the main thread. Owned
// by the daemon, for as long as the process lives; main thread only but where it says otherwise.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/admin/settings.hpp"
#include "common/app/file_watch.hpp"
#include "common/config/types.hpp"
#include "common/net/asio.hpp"
#include "common/rules/validity.hpp"

namespace inout {

/// A configuration that was read and checked, with the files that it names, and can be taken into
/// use.
struct Prepared {
    std::shared_ptr<const CommonConfig> config;
    std::string json;  ///< the configuration, as --check prints it
    ConfigWarnings warnings{};
    FileStamps files{};  ///< as they were before they were read
    std::vector<Validity> validities{};
    std::function<void()> look_up{};  ///< what is left to be looked up first; perhaps nothing
    admin::SettingsPtr admin{};       ///< nothing: nobody is answered over HTTP
    /// Changes what is different, on the main thread. The failure (an address is taken): nothing
    /// was changed.
    std::function<std::optional<std::string>()> commit;
};

class Reloader {
  public:
    /// Reads and checks all, on the reloader's thread.
    using Prepare = std::function<Result<Prepared, ConfigProblems>()>;
    /// Called on the main thread; answers the files to watch from now on, or nothing: as before.
    using Take = std::function<std::optional<FileStamps>(std::string_view cause,
                                                         Result<Prepared, ConfigProblems>)>;
    Reloader(Executor main, Prepare prepare, Take take)
        : main_(std::move(main)), prepare_(std::move(prepare)), take_(std::move(take)) {}
    Reloader(const Reloader&) = delete;
    Reloader& operator=(const Reloader&) = delete;
    ~Reloader() { stop(); }

    /// Looks at these from now on, about every kFileCheck. Throws std::system_error if there can be
    /// no thread for it.
    void watch(FileStamps files);
    /// Reads it once more. `cause`, which stays there: for the log. Throws the same.
    void request(std::string_view cause);
    /// No more from now on. False: the thread is busy, perhaps with a file that hangs.
    bool stop();

  private:
    void wake();
    void run();
    void prepare(std::string_view cause);
    void take(std::string_view cause, Result<Prepared, ConfigProblems> prepared);

    const Executor main_;
    const Prepare prepare_;
    const Take take_;
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<FileStamps> files_;  // not yet known to the thread
    std::string_view requested_;       // why; empty: nobody has asked
    bool busy_ = false, stopped_ = false, ended_ = false;
};

}  // namespace inout
