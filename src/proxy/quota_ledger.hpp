// QuotaLedger: what was used of quotas, kept in a file so that a restart gives nobody one anew.
//
// A thread of its own saves it, at most every kQuotaSave when anything has changed and at the end:
// a slow disk stalls no stream, and a crash loses what was counted since. A file that is damaged is
// never written over; all quotas are closed then. Where another process counts in the same file, at
// an upgrade, each adds what it has counted, under a lock, and learns what the others have. Thread-
// safe; lives as long as the process.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/config/quota_file.hpp"

namespace inout::proxy {

class QuotaLedger {
  public:
    QuotaLedger() = default;
    QuotaLedger(const QuotaLedger&) = delete;
    QuotaLedger& operator=(const QuotaLedger&) = delete;
    ~QuotaLedger() { stop(); }

    /// A file, as it was read.
    struct Content {
        std::string path;
        QuotaRecords records{};
        std::string damage{};  ///< what is wrong with it
    };
    /// Reads it, if it is not the one that is in use; nothing then. The failure: it can not be read
    /// or written there. Blocks; any thread.
    Result<std::optional<Content>, std::string> read(const std::string& path) const;
    /// The thread that saves, if there is none yet. Throws std::system_error if there can be none.
    void start();
    /// This is in use from now on, for all quotas.
    void open(Content content);
    /// The one there is, or a new one. `tell` is for a new one.
    std::shared_ptr<ByteQuota> quota_of(const std::string& who,
                                        const std::function<void(ByteQuota::Event)>& tell);
    std::vector<std::shared_ptr<ByteQuota>> quotas() const;
    /// What is wrong: the file is damaged, or can not be written.
    std::string problem() const;
    /// Other processes use the file as well from now on.
    void share();
    /// Saves what there is, and no more from now on. False: the disk takes longer than kQuotaStop.
    bool stop();

  private:
    QuotaRecords records() const;
    void run();
    void save(std::unique_lock<std::mutex>& lock);
    void save_shared(std::unique_lock<std::mutex>& lock);
    void say_not_saved(const std::string& path, const std::string& problem) const;
    void learn(const QuotaRecords& all, const QuotaRecords& ours);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::thread thread_;
    std::string path_, damage_, not_saved_;
    std::map<std::string, std::shared_ptr<ByteQuota>> quotas_;
    QuotaRecords others_;                // in the file, of who has no quota now
    std::optional<QuotaRecords> saved_;  // nothing: there may be no file
    QuotaRecords known_;                 // what of all this is in the file, as far as we know
    bool stopped_ = false, ended_ = false, shared_ = false;
};

}  // namespace inout::proxy
