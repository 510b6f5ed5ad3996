#include "in/server_group.hpp"

#include <algorithm>
#include <array>

#include "common/base/random.hpp"
#include "common/config/server_list.hpp"

namespace inout::in {
namespace {

/// Beyond, what services name is not looked at.
constexpr std::size_t kOffersMax = kServersMax + 2 * kServiceTargetsMax;

/// What stands before what, the least first: first of all, those that are not lost.
struct Rank {
    bool lost = false;
    std::size_t entry = 0;  ///< where the order of the list counts
    unsigned priority = 0;

    auto operator<=>(const Rank&) const = default;
};

}  // namespace

ServerGroup::ServerGroup(Select select, std::vector<Entry> entries)
    : select_(select), entries_(std::move(entries)) {
    if (!has_several()) return;
    for (const Entry& entry : entries_) {
        if (entry.server) entry.server->is_one_of_several();
    }
}

template <class Visit>
void ServerGroup::each(Visit visit) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const auto visit_one = [&](const Target& target) { visit(i, target); };
        if (entries_[i].server) {
            visit_one({entries_[i].server, 0});
        } else {
            entries_[i].service->each(visit_one);
        }
    }
}

std::shared_ptr<Server> ServerGroup::choose(std::span<const Server* const> tried) const {
    if (!has_several()) return tried.empty() ? entries_.front().server : nullptr;
    std::array<Offer, kOffersMax> offers{};
    std::array<Server*, kOffersMax> servers{};
    std::size_t count = 0;
    Rank best;
    const auto now = Clock::now();
    const std::lock_guard lock(Server::choosing());
    each([&](std::size_t entry, const Target& target) {
        Server& server = *target.server;
        if (count == kOffersMax || std::find(tried.begin(), tried.end(), &server) != tried.end()) {
            return;
        }
        // One whose rest is over is still lost until somebody has asked it in the background.
        Rank rank{.lost = server.is_lost()};
        if (!rank.lost) {
            rank.entry = select_ == Select::first ? entry : 0;
            rank.priority = target.priority;
        }
        if (count > 0 && rank > best) return;
        if (count > 0 && rank < best) count = 0;
        best = rank;
        offers[count] = {&server.candidate()};
        servers[count++] = &server;
    });
    // Targets of one priority stand in no order.
    const Select select = select_ == Select::first && !best.lost ? Select::random : select_;
    const auto chosen =
        inout::choose(select, {offers.data(), count}, now, {}, count > 1 ? random_unit() : 0);
    return chosen ? servers[*chosen]->shared_from_this() : nullptr;
}

std::size_t ServerGroup::size() const {
    if (!has_several()) return 1;
    std::size_t count = 0;
    const std::lock_guard lock(Server::choosing());
    each([&](std::size_t, const Target&) { ++count; });
    return count;
}

bool ServerGroup::is_lost() const {
    const auto all = standing();
    return std::none_of(all.begin(), all.end(), [](const auto& each) { return each.second; });
}

std::string ServerGroup::lost_ones() const {
    std::string text;
    for (const auto& [name, up] : standing()) {
        if (!up) text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}

std::map<std::string, bool> ServerGroup::standing() const {
    std::map<std::string, bool> all;
    const std::lock_guard lock(Server::choosing());
    each([&](std::size_t, const Target& target) {
        all[*target.server->name()] = !target.server->is_lost();
    });
    return all;
}

}  // namespace inout::in
