// ProcessFacts: what a daemon knows of itself, for whoever asks over HTTP: what its life is at, its
// streams and, of its service, whether that can do its work.
//
// The main thread writes, any thread asks. A service manager is told without being asked.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/admin/facts.hpp"
#include "common/app/manager_notes.hpp"
#include "common/app/worker.hpp"

namespace inout {

class Service;

class ProcessFacts : public admin::Source {
  public:
    /// All of them must outlive it.
    ProcessFacts(std::string program, Workers& workers, Service& service);

    void serves();
    /// `replaced`: another process is the service now.
    void drains_until(Clock::time_point end, bool replaced);
    void reloads() { notes_.reloads(); }
    void reloaded(std::string how, bool failed);
    /// Called each second.
    void tell_manager();
    /// All that is counted, and what was told here: a line in the log.
    void log(std::string_view event) const;
    /// Whether it can do its work now.
    bool is_ready() const { return !not_ready(false); }
    void has_certificates(std::vector<Validity> validities);

    admin::Facts facts() override;
    StreamTable::Records streams() override;
    RecentEnds::Ends recent_ends(const admin::CutBack& cut) override;
    admin::Page topics(const admin::Cut& cut) override;
    const admin::Document* document() override;

  private:
    std::optional<std::string> not_ready(bool draining) const;
    std::optional<Milliseconds> drain_left() const;

    std::string status() const;

    const std::string program_;
    Workers& workers_;
    Service& service_;
    ManagerNotes notes_;
    const Clock::time_point started_ = Clock::now();
    const std::int64_t started_ms_;

    mutable std::mutex mutex_;
    std::optional<Clock::time_point> drain_until_;
    std::string last_reload_ = "none";
    bool reload_failed_ = false;
    std::vector<Validity> certificates_;
};

}  // namespace inout
