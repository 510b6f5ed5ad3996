// Servers of NATS as they were measured, on simulated time: interest spreads between them after a
// while, so that a look-up may meet "nobody listens" though somebody does; messages are lost or
// late; routes break and come back; a server dies, or stands still. And now and then, in the best
// of times, one message is lost, or one look-up is told wrongly that nobody listens.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim_events.hpp"
#include "subject_filter.hpp"

namespace inout::cluster::sim {

using ClientId = std::size_t;

class Nats {
  public:
    /// What a client is told.
    struct Client {
        std::function<void()> up, down;
        std::function<void(const std::string& subject, const std::string& reply,
                           const std::string& body)>
            heard;
        std::function<void(const std::string& reply)> nobody_listens;
    };
    /// What goes wrong now; changed by whoever makes trouble.
    struct Trouble {
        double lost = 0, false_silence = 0;
        Micros delay{0};  // more of it, for each message by chance
        bool is_any() const { return lost > 0 || false_silence > 0 || delay.count() > 0; }
    };

    Nats(Events& events, std::size_t servers) : events_(events), servers_(servers) {
        for (auto& server : servers_) server.reach.assign(servers, true);
        route_delay_ =
            events.between(Micros(100), events.by_chance(0.2) ? Micros(150'000) : Micros(3'000));
        client_delay_ = events.between(Micros(50), Micros(1'000));
    }

    Trouble trouble;
    std::size_t heard_by(ClientId client) const { return clients_.at(client).heard_count; }
    Micros round_trip() const { return 2 * client_delay_; }
    /// It is connected to a server that runs.
    bool is_answered(ClientId client) const {
        const auto at = clients_.at(client).server;
        return at != kNone && !servers_[at].is_frozen;
    }
    /// Whether what one publishes comes to the other.
    bool are_joined(ClientId a, ClientId b) const {
        const auto x = clients_.at(a).server, y = clients_.at(b).server;
        return x != kNone && y != kNone && !servers_[x].is_frozen && !servers_[y].is_frozen &&
               (x == y || servers_[x].reach[y]);
    }

    ClientId join(Client calls) {
        const ClientId id = clients_.size();
        clients_.emplace(id, Connection{std::move(calls), kNone, {}, 0, 0, {}});
        connect(id);
        return id;
    }
    /// It died.
    void leave(ClientId id) {
        disconnect(id, false);
        clients_.at(id).is_gone = true;
    }
    void subscribe(ClientId id, const std::string& filter) {
        clients_.at(id).filters.insert(filter);
        to_server(id, [this, id, filter](Server& server, std::size_t at) {
            if (server.local[filter].insert(id).second) spread(at, filter);
        });
    }
    void unsubscribe(ClientId id, const std::string& filter) {
        clients_.at(id).filters.erase(filter);
        to_server(id, [this, id, filter](Server& server, std::size_t at) {
            forget(server, at, id, filter);
        });
    }
    void publish(ClientId id, const std::string& subject, const std::string& reply,
                 const std::string& body) {
        to_server(id, [=, this](Server& server, std::size_t at) {
            if (is_lost() || hiccups(id, subject, reply)) return;
            bool anyone = deliver(server, id, subject, reply, body);
            for (std::size_t other = 0; other < servers_.size(); ++other) {
                if (other == at || !listens(server.remote[other], subject)) continue;
                anyone = true;
                to_peer(at, other, [=, this](Server& there) {
                    if (!is_lost()) deliver(there, id, subject, reply, body);
                });
            }
            if (reply.empty() || (anyone && !events_.by_chance(trouble.false_silence))) return;
            to_client(id, [reply](Connection& client) { client.calls.nobody_listens(reply); });
        });
    }

    /// A server dies, and its clients go to others.
    void kill(std::size_t server) {
        servers_[server].is_dead = true;
        ++servers_[server].life;
        servers_[server].local.clear();
        for (auto& [id, client] : clients_) {
            if (client.server == server) disconnect(id, true);
        }
        for (std::size_t other = 0; other < servers_.size(); ++other) unroute(server, other);
    }
    void restart(std::size_t server) {
        servers_[server].is_dead = false;
        for (std::size_t other = 0; other < servers_.size(); ++other) route(server, other);
    }
    /// It stands still: what comes waits. Its clients notice after a while.
    void freeze(std::size_t server, Micros patience) {
        servers_[server].is_frozen = true;
        events_.after(patience, [this, server] {
            if (!servers_[server].is_frozen) return;
            for (auto& [id, client] : clients_) {
                if (client.server == server) disconnect(id, true);
            }
        });
    }
    void thaw(std::size_t server) {
        servers_[server].is_frozen = false;
        for (auto& what : std::exchange(servers_[server].held, {})) what();
    }
    void unroute(std::size_t a, std::size_t b) {
        if (a == b) return;
        for (const auto& [x, y] : {std::pair(a, b), std::pair(b, a)}) {
            servers_[x].reach[y] = false;
            servers_[x].remote[y].clear();
            ++servers_[x].routes_life[y];
        }
    }
    void route(std::size_t a, std::size_t b) {
        if (a == b || servers_[a].is_dead || servers_[b].is_dead || servers_[a].reach[b]) return;
        for (const auto& [x, y] : {std::pair(a, b), std::pair(b, a)}) {
            servers_[x].reach[y] = true;
            for (const auto& [filter, ids] : servers_[x].local) spread_to(x, y, filter);
        }
    }
    void cut(ClientId id) { disconnect(id, true); }
    /// Subjects that a server knows of one client, when nothing is on its way.
    std::set<std::string> known_of(ClientId id) const {
        std::set<std::string> filters;
        const auto at = clients_.at(id).server;
        if (at == kNone) return filters;
        for (const auto& [filter, ids] : servers_[at].local) {
            if (ids.contains(id)) filters.insert(filter);
        }
        return filters;
    }

  private:
    static constexpr std::size_t kNone = ~std::size_t{0};
    using Interest = std::map<std::string, std::set<ClientId>>;
    struct Server {
        bool is_dead = false, is_frozen = false;
        std::size_t life = 0;
        std::vector<bool> reach{};
        Interest local{};
        std::map<std::size_t, std::set<std::string>> remote{};
        std::map<std::size_t, std::size_t> routes_life{};
        std::vector<std::function<void()>> held{};
    };
    struct Connection {
        Client calls;
        std::size_t server;
        std::set<std::string> filters;
        std::size_t life, heard_count;
        std::map<int, Clock::time_point> order;  // of each direction: when its last message comes
        bool is_gone = false;
    };

    /// Rarely enough that no stream meets two.
    bool hiccups(ClientId id, const std::string& subject, const std::string& reply) {
        const bool is_answer = subject.find(".a.") != subject.npos;
        if (!has_hiccups_ || events_.now() < next_hiccup_ || (reply.empty() && !is_answer)) {
            return false;
        }
        if (events_.by_chance(0.7)) return false;
        next_hiccup_ = events_.now() + Micros(1'500'000);
        if (!reply.empty() && events_.by_chance(0.5)) {
            to_client(id, [reply](Connection& client) { client.calls.nobody_listens(reply); });
        }
        return true;
    }
    bool is_lost() { return events_.by_chance(trouble.lost); }
    Micros delay_of(Micros usual) {
        return usual +
               (trouble.delay.count() > 0 ? events_.between(Micros(0), trouble.delay) : Micros(0));
    }
    /// As on a TCP connection: nothing overtakes.
    void in_order(Clock::time_point& last, Micros usual, std::function<void()> what) {
        last = std::max(last, events_.now() + delay_of(usual));
        events_.at(last, std::move(what));
    }
    /// If it still runs then; later, if it stands still.
    void at_server(std::size_t at, std::size_t life, std::function<void(Server&)> what) {
        Server& server = servers_[at];
        if (server.is_dead || server.life != life) return;
        if (server.is_frozen) {
            server.held.push_back([=, this] { at_server(at, life, what); });
        } else {
            what(server);
        }
    }
    void to_server(ClientId id, std::function<void(Server&, std::size_t)> what) {
        Connection& client = clients_.at(id);
        const auto at = client.server;
        if (at == kNone) return;
        const auto life = servers_[at].life, client_life = client.life;
        in_order(client.order[0], client_delay_, [=, this] {
            at_server(at, life, [=, this](Server& server) {
                if (clients_.at(id).life == client_life) what(server, at);
            });
        });
    }
    void to_client(ClientId id, std::function<void(Connection&)> what) {
        Connection& client = clients_.at(id);
        const auto life = client.life;
        in_order(client.order[1], client_delay_, [=, this] {
            Connection& it = clients_.at(id);
            if (it.life == life && it.server != kNone) what(it);
        });
    }
    void to_peer(std::size_t from, std::size_t to, std::function<void(Server&)> what) {
        if (!servers_[from].reach[to]) return;
        const auto route_life = servers_[to].routes_life[from], life = servers_[to].life;
        in_order(routes_[{from, to}], route_delay_, [=, this] {
            if (servers_[to].routes_life[from] == route_life) at_server(to, life, what);
        });
    }
    bool deliver(Server& server, ClientId from, const std::string& subject,
                 const std::string& reply, const std::string& body) {
        bool anyone = false;
        const auto send = [&](const std::set<ClientId>& ids) {
            for (const ClientId id : ids) {
                if (id == from) continue;  // "no echo"
                anyone = true;
                to_client(id, [=](Connection& client) {
                    ++client.heard_count;
                    client.calls.heard(subject, reply, body);
                });
            }
        };
        for (const auto& [filter, ids] : server.local) {
            if (is_heard(filter, subject)) send(ids);
        }
        return anyone;
    }
    static bool is_heard(const std::string& filter, const std::string& subject) {
        const bool is_wide = filter.find_first_of("*>") != filter.npos;
        return is_wide ? hears(filter, subject) : filter == subject;
    }
    static bool listens(const std::set<std::string>& filters, const std::string& subject) {
        return std::any_of(filters.begin(), filters.end(),
                           [&](const auto& filter) { return is_heard(filter, subject); });
    }
    void spread(std::size_t at, const std::string& filter) {
        for (std::size_t other = 0; other < servers_.size(); ++other) spread_to(at, other, filter);
    }
    void spread_to(std::size_t at, std::size_t other, const std::string& filter) {
        if (at == other) return;
        to_peer(at, other, [=](Server& there) { there.remote[at].insert(filter); });
    }
    void forget(Server& server, std::size_t at, ClientId id, const std::string& filter) {
        const auto found = server.local.find(filter);
        if (found == server.local.end() || found->second.erase(id) == 0 || !found->second.empty())
            return;
        server.local.erase(found);
        for (std::size_t other = 0; other < servers_.size(); ++other) {
            if (at != other)
                to_peer(at, other, [=](Server& there) { there.remote[at].erase(filter); });
        }
    }
    void connect(ClientId id) {
        const auto at = events_.below(servers_.size());
        const auto delay = events_.between(Micros(1'000), Micros(100'000));
        events_.after(delay, [=, this] {
            Connection& client = clients_.at(id);
            if (client.is_gone || client.server != kNone) return;
            if (servers_[at].is_dead || servers_[at].is_frozen || no_service) return connect(id);
            client.server = at;
            ++client.life;
            client.order.clear();
            for (const auto& filter : client.filters) subscribe(id, filter);
            client.calls.up();
        });
    }
    void disconnect(ClientId id, bool again) {
        Connection& client = clients_.at(id);
        const auto at = std::exchange(client.server, kNone);
        if (at == kNone) return;
        ++client.life;
        const auto life = servers_[at].life;
        at_server(at, life, [=, this](Server& server) {
            for (const auto& [filter, ids] : Interest(server.local)) forget(server, at, id, filter);
        });
        if (!again) return;
        client.calls.down();
        connect(id);
    }

    Events& events_;
    std::vector<Server> servers_;
    std::map<ClientId, Connection> clients_;
    std::map<std::pair<std::size_t, std::size_t>, Clock::time_point> routes_;
    Micros route_delay_{}, client_delay_{};
    bool has_hiccups_ = events_.by_chance(0.7);
    Clock::time_point next_hiccup_{};

  public:
    bool no_service = false;  ///< none can be reached
};

}  // namespace inout::cluster::sim
