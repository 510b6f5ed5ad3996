#include "proxy/quota_ledger.hpp"

#include <exception>
#include <utility>

#include "common/base/limits.hpp"
#include "common/base/log.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/base/wall_clock.hpp"
#include "common/os/saved_file.hpp"

namespace inout::proxy {
namespace {

struct InFile {
    std::optional<QuotaRecords> records{};  // nothing: there is no file, or it is damaged
    std::string damage{};
};

/// The failure: it can not be read.
Result<InFile, std::string> read_quota_file(const std::string& path) {
    const auto text = read_saved_file(path, kQuotaFileMaxBytes);
    if (!text) return Failure{text.error()};
    if (!*text) return InFile{};
    auto records = parse_quota_file(**text);
    if (!records) return InFile{.damage = records.error()};
    return InFile{.records = std::move(*records)};
}

/// What that one has used since then.
BytesUsed used_since(const QuotaRecords& then, const std::string& who, const BytesUsed& used) {
    const auto before = then.find(who);
    return difference(used, before == then.end() ? BytesUsed{} : before->second);
}

/// Adds what `now` has more than `known` to what the file has by now, or, if it was moved away, to
/// what we knew of it. What it has then; the failure: it is as it was, and why.
Result<QuotaRecords, std::string> add_to_file(const std::string& path, const QuotaRecords& now,
                                              const QuotaRecords& known) {
    const UniqueFd alone = lock_folder_of(path);
    if (!alone) return Failure{std::string("its folder can not be locked")};
    const auto found = read_quota_file(path);
    if (!found) return Failure{found.error()};
    if (!found->damage.empty()) return Failure{found->damage};
    QuotaRecords all = found->records.value_or(known);
    for (const auto& [who, used] : now) all[who] = sum(all[who], used_since(known, who, used));
    if (all != found->records) {
        if (auto problem = save_file(path, quota_file_text(all))) {
            return Failure{std::move(*problem)};
        }
    }
    return all;
}

}  // namespace

Result<std::optional<QuotaLedger::Content>, std::string> QuotaLedger::read(
    const std::string& path) const {
    {
        const std::lock_guard lock(mutex_);
        if (path == path_ && damage_.empty()) return std::optional<Content>();
    }
    const auto failed = [&path](const std::string& why) {
        return Failure{"auth.quota_file: " + path + ": " + why};
    };
    if (const auto problem = check_saving(path)) return failed(*problem);
    auto found = read_quota_file(path);
    if (!found) return failed(found.error());
    Content content{.path = path, .damage = std::move(found->damage)};
    if (found->records) content.records = std::move(*found->records);
    return std::optional(std::move(content));
}

void QuotaLedger::start() {
    const std::lock_guard lock(mutex_);
    if (thread_.joinable() || stopped_) return;
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
}

void QuotaLedger::open(Content content) {
    const std::lock_guard lock(mutex_);
    path_ = std::move(content.path);
    damage_ = std::move(content.damage);
    known_ = content.records;
    others_ = std::move(content.records);
    saved_.reset();
    not_saved_.clear();
    for (const auto& [who, quota] : quotas_) {
        quota->set_closed(!damage_.empty());
        const auto known = others_.extract(who);
        quota->set_used(known ? known.mapped() : BytesUsed{});
    }
    if (!damage_.empty()) {
        log::error("quota closed",
                   {{"file", path_},
                    {"reason", damage_ + "; keys with a quota are refused: put the file right, or "
                                         "move it away to begin at 0, and reload"}});
    }
    changed_.notify_all();
}

std::shared_ptr<ByteQuota> QuotaLedger::quota_of(
    const std::string& who, const std::function<void(ByteQuota::Event)>& tell) {
    const std::lock_guard lock(mutex_);
    auto& quota = quotas_[who];
    if (quota) return quota;
    const auto known = others_.extract(who);
    quota = std::make_shared<ByteQuota>(who, known ? known.mapped() : BytesUsed{}, tell);
    quota->set_closed(!damage_.empty());
    return quota;
}

std::vector<std::shared_ptr<ByteQuota>> QuotaLedger::quotas() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<ByteQuota>> all;
    for (const auto& [who, quota] : quotas_) all.push_back(quota);
    return all;
}

std::string QuotaLedger::problem() const {
    const std::lock_guard lock(mutex_);
    if (!damage_.empty()) return path_ + ": is damaged: " + damage_;
    return not_saved_.empty() ? "" : path_ + ": " + not_saved_;
}

bool QuotaLedger::stop() {
    {
        std::unique_lock lock(mutex_);
        stopped_ = true;
        changed_.notify_all();
        if (!thread_.joinable()) return true;
        if (!changed_.wait_for(lock, kQuotaStop, [this] { return ended_; })) return false;
    }
    thread_.join();
    return true;
}

/// Under the lock.
QuotaRecords QuotaLedger::records() const {
    QuotaRecords all = others_;
    const std::int64_t now = unix_time_ms();
    for (const auto& [who, quota] : quotas_) all[who] = quota->state(now).used;
    return all;
}

void QuotaLedger::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        const bool last = stopped_;
        try {
            if (damage_.empty() && !path_.empty()) shared_ ? save_shared(lock) : save(lock);
        } catch (const std::exception&) {
            log::lose_line();  // memory has run out: at the next time
            if (!lock.owns_lock()) lock.lock();
        }
        if (last) break;
        const auto until = Clock::now() + kQuotaSave;
        // A new file is made at once.
        changed_.wait_until(lock, until, [this] {
            return stopped_ || (!saved_ && damage_.empty() && !path_.empty() && not_saved_.empty());
        });
    }
    ended_ = true;
    changed_.notify_all();
}

/// Not under the lock while the disk works.
void QuotaLedger::save(std::unique_lock<std::mutex>& lock) {
    QuotaRecords now = records();
    if (saved_ == now) return;
    const std::string path = path_;
    lock.unlock();
    const auto problem = save_file(path, quota_file_text(now));
    if (problem) say_not_saved(path, *problem);
    lock.lock();
    if (path != path_) return;
    not_saved_ = problem.value_or("");
    if (problem) return;
    known_ = now;
    saved_ = std::move(now);
}

void QuotaLedger::say_not_saved(const std::string& path, const std::string& problem) const {
    log::limited(
        log::Level::error, log::Kind::warning, "quota not saved", path,
        {{"file", path},
         {"reason", problem + "; it goes on counting, but a restart would not know of it"}});
}

void QuotaLedger::share() {
    const std::lock_guard lock(mutex_);
    shared_ = true;
}

/// The same, where the file has what all have counted.
void QuotaLedger::save_shared(std::unique_lock<std::mutex>& lock) {
    const QuotaRecords now = records(), known = known_;
    const std::string path = path_;
    lock.unlock();
    auto all = add_to_file(path, now, known);
    if (!all) say_not_saved(path, all.error());
    lock.lock();
    if (path != path_) return;
    not_saved_ = all ? "" : all.error();
    if (!all) return;
    learn(*all, now);
    saved_ = known_ = std::move(*all);
}

/// Under the lock. `ours`: what we had counted when `all` was made of it.
void QuotaLedger::learn(const QuotaRecords& all, const QuotaRecords& ours) {
    others_.clear();
    for (const auto& [who, used] : all) {
        const auto quota = quotas_.find(who);
        if (quota == quotas_.end()) {
            others_.emplace(who, used);
            continue;
        }
        quota->second->add_used(used_since(ours, who, used));
    }
}

}  // namespace inout::proxy
