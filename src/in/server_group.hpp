// ServerGroup: the proxies of one network, in the order of its configuration, and which of them a
// stream goes to. What is known of each is the server's own: other networks have it too.
//
// Made with its network. One server alone costs no lock. Any thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/scale_limits.hpp"
#include "in/server.hpp"

namespace inout::in {

class ServerGroup {
  public:
    /// At least one.
    ServerGroup(Select select, std::vector<std::shared_ptr<Server>> servers);

    bool has_several() const { return servers_.size() > 1; }
    const std::vector<std::shared_ptr<Server>>& all() const { return servers_; }
    /// For a stream that has been `tried` at these in vain; nothing: it has been at all of them.
    /// Those that rest or are lost are only chosen when all others are.
    std::shared_ptr<Server> choose(std::span<const Server* const> tried = {}) const;
    /// Whether none answered when it was asked last.
    bool is_lost() const;
    /// The names of those that did not, with a comma between each two.
    std::string lost_ones() const;

  private:
    const Select select_;
    const std::vector<std::shared_ptr<Server>> servers_;
};

}  // namespace inout::in
