#include "common/app/reload.hpp"

#include <exception>
#include <new>
#include <utility>

#include "common/app/certificate_watch.hpp"
#include "common/base/limits.hpp"
#include "common/base/log.hpp"
#include "common/base/memory_reserve.hpp"
#include "common/base/random.hpp"
#include "common/base/signals_blocked.hpp"

namespace inout {
namespace {

std::vector<std::string> names_of(const FileStamps& files) {
    std::vector<std::string> names;
    for (const auto& [name, stamp] : files) names.push_back(name);
    return names;
}

}  // namespace

void Reloader::watch(FileStamps files) {
    if (files.empty() && !thread_.joinable()) return;
    const std::lock_guard lock(mutex_);
    files_ = std::move(files);
    wake();
}

void Reloader::request(std::string_view cause) {
    const std::lock_guard lock(mutex_);
    requested_ = cause;
    wake();
}

/// Under the lock.
void Reloader::wake() {
    if (stopped_) return;
    const SignalsBlocked blocked;
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    changed_.notify_all();
}

bool Reloader::stop() {
    {
        std::unique_lock lock(mutex_);
        stopped_ = true;
        changed_.notify_all();
        if (!thread_.joinable()) return true;
        // What it has prepared nobody takes any more.
        if (!changed_.wait_for(lock, kReloaderStop, [this] { return ended_; })) return false;
    }
    thread_.join();
    return true;
}

void Reloader::run() {
    FileWatch watch;
    std::vector<std::string> names;
    Milliseconds pause = kFileCheck;
    std::unique_lock lock(mutex_);
    while (!stopped_) {
        std::string_view requested;
        try {
            changed_.wait_for(lock, pause, [this] {
                return stopped_ || (!busy_ && (!requested_.empty() || files_));
            });
            if (stopped_) break;
            if (busy_) continue;
            if (files_) {
                names = names_of(*files_);
                watch.read(std::move(*files_));
                files_.reset();
            }
            requested = std::exchange(requested_, {});
            lock.unlock();
            const FileStamps now = stamps_of(names);
            const FileWatch::Seen seen = watch.look(now);
            const bool changed = seen == FileWatch::Seen::changed;
            if (!requested.empty()) watch.read(now);
            if (!requested.empty() || changed) prepare(requested.empty() ? "files" : requested);
            pause = seen == FileWatch::Seen::changing
                        ? kFilesSettle
                        : CertificateWatch::pause(kFileCheck, random_unit());
        } catch (const std::exception&) {
            log::lose_line();  // memory has run out: at the next look
            if (!lock.owns_lock()) lock.lock();
            if (requested_.empty()) requested_ = requested;
        }
        if (!lock.owns_lock()) lock.lock();
    }
    ended_ = true;
    changed_.notify_all();
}

void Reloader::prepare(std::string_view cause) {
    Result<Prepared, ConfigProblems> prepared = Failure{ConfigProblems{}};
    try {
        // With too little memory nothing new is begun (base/memory_reserve).
        if (!refill_memory_reserve()) throw std::bad_alloc();
        prepared = prepare_();
    } catch (const std::bad_alloc&) {
        prepared = Failure{ConfigProblems{"out of memory"}};
    } catch (const std::exception& error) {  // whatever it is, who asked gets an answer
        prepared = Failure{ConfigProblems{error.what()}};
    }
    auto shared = std::make_shared<Result<Prepared, ConfigProblems>>(std::move(prepared));
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        busy_ = true;
    }
    try {
        asio::post(main_, [this, cause, shared] { take(cause, std::move(*shared)); });
    } catch (...) {
        const std::lock_guard lock(mutex_);
        busy_ = false;
        throw;
    }
}

void Reloader::take(std::string_view cause, Result<Prepared, ConfigProblems> prepared) {
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
    }
    std::optional<FileStamps> files;
    try {
        // What is taken into use half is worse than what is not.
        if (prepared && !refill_memory_reserve()) {
            prepared = Failure{ConfigProblems{"out of memory"}};
        }
        files = take_(cause, std::move(prepared));
    } catch (const std::bad_alloc&) {
        log::lose_line();
    }
    const std::lock_guard lock(mutex_);
    busy_ = false;
    if (files) files_ = std::move(files);
    changed_.notify_all();
}

}  // namespace inout
