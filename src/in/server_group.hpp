// ServerGroup: the proxies of one network, in the order of its configuration, and which of them a
// stream goes to. What is known of each is the server's own: other networks have it too.
//
// Made with its network. One server alone costs no lock. Any thread.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/scale_limits.hpp"
#include "in/server.hpp"
#include "in/service_targets.hpp"

namespace inout::in {

class ServerGroup {
  public:
    /// One entry of the list: a server or, if there is none, a service.
    struct Entry {
        std::shared_ptr<Server> server;
        std::shared_ptr<ServiceTargets> service{};
    };
    /// At least one.
    ServerGroup(Select select, std::vector<Entry> entries);

    /// Whether there is, or may be, more than one.
    bool has_several() const { return entries_.size() > 1 || entries_.front().service; }
    std::size_t size() const;
    /// For a stream that has been `tried` at these in vain; nothing: it has been at all of them, or
    /// no target of a service is known. Those that rest or are lost are only chosen when all others
    /// are, and targets of a priority only when those before it are.
    std::shared_ptr<Server> choose(std::span<const Server* const> tried = {}) const;
    /// Whether there is none that answered when it was asked last.
    bool is_lost() const;
    /// The names of those that did not, with a comma between each two.
    std::string lost_ones() const;
    /// What there is, by their names: whether it answered.
    std::map<std::string, bool> standing() const;

  private:
    using Target = ServiceTargets::Target;
    template <class Visit>
    void each(Visit visit) const;

    const Select select_;
    const std::vector<Entry> entries_;
};

}  // namespace inout::in
