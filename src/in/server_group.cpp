#include "in/server_group.hpp"

#include <algorithm>
#include <array>

#include "common/base/random.hpp"
#include "common/config/server_list.hpp"

namespace inout::in {

ServerGroup::ServerGroup(Select select, std::vector<std::shared_ptr<Server>> servers)
    : select_(select), servers_(std::move(servers)) {
    if (!has_several()) return;
    for (const auto& server : servers_) server->is_one_of_several();
}

std::shared_ptr<Server> ServerGroup::choose(std::span<const Server* const> tried) const {
    if (!has_several()) return tried.empty() ? servers_.front() : nullptr;
    std::array<Offer, kServersMax> offers{};
    std::array<std::size_t, kServersMax> which{};
    const auto now = Clock::now();
    const std::lock_guard lock(Server::choosing());
    // One whose rest is over is still lost until somebody has asked it in the background.
    for (const bool lost_too : {false, true}) {
        std::size_t count = 0;
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            Server& server = *servers_[i];
            if (std::find(tried.begin(), tried.end(), &server) != tried.end()) continue;
            if (server.is_lost() && !lost_too) continue;
            offers[count] = {&server.candidate()};
            which[count++] = i;
        }
        const auto chosen = inout::choose(select_, {offers.data(), count}, now, {}, random_unit());
        if (chosen) return servers_[which[*chosen]];
    }
    return nullptr;
}

bool ServerGroup::is_lost() const {
    return std::all_of(servers_.begin(), servers_.end(),
                       [](const auto& server) { return server->is_lost(); });
}

std::string ServerGroup::lost_ones() const {
    std::string text;
    for (const auto& server : servers_) {
        if (server->is_lost()) text += (text.empty() ? "" : ", ") + *server->name();
    }
    return text;
}

}  // namespace inout::in
