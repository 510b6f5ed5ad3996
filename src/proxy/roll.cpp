#include "proxy/roll.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace inout::proxy {
namespace {

using enum Finding::State;

std::string in_one_line(const std::set<std::string>& words) {
    std::string line;
    for (const std::string& word : words) line += (line.empty() ? "" : ", ") + word;
    return line;
}

std::string count_of(std::size_t proxies) {
    return std::to_string(proxies) + (proxies == 1 ? " proxy answers" : " proxies answer");
}

Finding judge_server(const std::string& server, const cluster::RollCall& call) {
    if (!call.problem.empty()) {
        return {.server = server,
                .check = "nats",
                .state = wrong,
                .found = call.problem,
                .advice =
                    "see whether nats-server runs there, whether its TLS and its users are "
                    "what \"cluster\" says, and whether it permits the cluster's subjects"};
    }
    return {.server = server,
            .check = "nats",
            .found = "a message to ourselves is back after " +
                     std::to_string(call.round_trip.count()) + " µs, " +
                     count_of(call.proxies.size())};
}

}  // namespace

Roll judge_roll(const ClusterOptions& options, const std::vector<std::string>& servers,
                const std::vector<cluster::RollCall>& calls) {
    Roll roll;
    std::set<std::string> usable;                               // servers
    std::map<std::string, std::set<std::string>> seen_through;  // by address
    for (std::size_t i = 0; i < calls.size(); ++i) {
        roll.findings.push_back(judge_server(servers[i], calls[i]));
        if (!calls[i].problem.empty()) continue;
        usable.insert(servers[i]);
        for (const auto& proxy : calls[i].proxies) seen_through[proxy.address].insert(servers[i]);
    }
    for (const ClusterPeer& peer : options.peers) seen_through.try_emplace(to_string(peer.address));

    const auto add = [&roll](const std::string& address, Finding::State state, std::string found,
                             const char* advice = "") {
        roll.findings.push_back({.server = address,
                                 .check = "cluster",
                                 .state = state,
                                 .found = std::move(found),
                                 .advice = advice});
    };
    const std::string own = to_string(options.address);
    if (!usable.empty() && !seen_through.contains(own)) {
        add(own, warning, "this proxy is not in the directory",
            "see whether it runs, and whether it is older than this doctor");
    }
    for (const auto& [address, through] : seen_through) {
        const auto place = parse_host_port(address);
        if (!place) {
            add(address, wrong, "says that this is its address",
                "correct \"address\" in its \"cluster\"");
            continue;
        }
        if (through.empty() && !usable.empty()) {
            add(address, warning, "is one of \"peers\", and does not answer",
                "see whether it runs, and whether it is older than this doctor");
        } else if (through.size() < usable.size()) {
            add(address, wrong, "answers only through " + in_one_line(through),
                "the servers of NATS do not form one cluster: see their routes");
        } else if (!through.empty()) {
            add(address, ok, "is in the directory");
        }
        if (address != own) roll.others.push_back(*place);
    }
    return roll;
}

}  // namespace inout::proxy
