// The doctor of in and out: checks the way from here to each proxy, and has each proxy asked what
// would become of a stream, without opening one. Everything has a time limit; a proxy is looked at
// once however many networks go there. On one worker, and then the process ends.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/app/diagnosis.hpp"
#include "common/app/worker.hpp"
#include "common/config/types.hpp"

namespace inout {

/// How far a proxy is looked at; of two, the further one has the other in it.
enum class DoctorDepth {
    reach,      ///< a connection, with its TLS
    introduce,  ///< and who it takes us for
};

/// A proxy, and what is to be asked there.
struct DoctorServer {
    std::shared_ptr<const ProxyLink> proxy_link;
    std::vector<ProbeQuestion> questions{};
    DoctorDepth depth = DoctorDepth::reach;
};

/// One check, however long it takes, which adds what it has found.
using DoctorCheck = std::function<Task<>(Executor executor, Findings& findings)>;

/// Everything that is to be looked at.
class DoctorPlan {
  public:
    /// `step`: how long each step on the way to a proxy may take, at most, as connect_timeout.
    explicit DoctorPlan(Milliseconds step) : step_(step) {}

    /// One more question at this proxy, which is one for all networks with the same link.
    void ask(const std::shared_ptr<const ProxyLink>& proxy_link, ProbeQuestion question);
    /// The same without one.
    void look_at(const std::shared_ptr<const ProxyLink>& proxy_link, DoctorDepth depth) {
        (void)server_of(proxy_link, depth);
    }
    void add(DoctorCheck check) { checks_.push_back(std::move(check)); }
    /// What is known before anything is asked.
    void note(Finding finding) { known_.push_back(std::move(finding)); }
    /// Certificates of ours, and CAs that we trust.
    void look_at(std::vector<Validity> certificates);
    /// Runs all of it, some at the same time, and returns what was found: what was known, the
    /// proxies, then the other checks. Blocks.
    Findings run(Workers& workers);

  private:
    /// The one of this link, which is looked at as far as that at least.
    DoctorServer& server_of(const std::shared_ptr<const ProxyLink>& proxy_link, DoctorDepth depth);

    Milliseconds step_;
    Findings known_;
    std::vector<DoctorServer> servers_;
    std::vector<DoctorCheck> checks_;
};

/// Runs it and prints what was found: a table, or JSON. The exit code: 0, nothing is wrong; 1, some
/// of it is; 1 too if it can not run.
int run_doctor(const std::string& program, const CommonConfig& config, bool json, DoctorPlan plan);

}  // namespace inout
