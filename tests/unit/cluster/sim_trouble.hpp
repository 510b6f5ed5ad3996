// What goes wrong in a simulated cluster: quiet times, and times in which much happens at once.
#pragma once

#include "sim_world.hpp"

namespace inout::cluster::sim {

class Trouble {
  public:
    explicit Trouble(World& world) : world_(world), events_(world.events) {}

    /// Streams most of the time; outs that move; and trouble in every second stretch of one to
    /// three seconds.
    void run(unsigned stretches) {
        opens();
        moves();
        for (unsigned i = 0; i < stretches; ++i) {
            if (i % 2 == 1) trouble();
            events_.run_until(events_.now() +
                              events_.between(Micros(1'000'000), Micros(3'000'000)));
            calm();
            if (events_.by_chance(0.2)) idle();
        }
        is_over_ = true;
        // All deadlines pass.
        events_.run_until(events_.now() + Micros(8'000'000));
        world_.check_nothing_is_left();
    }

  private:
    /// Nothing is asked for, until nothing is fresh any more.
    void idle() {
        is_idle_ = true;
        events_.run_until(events_.now() + kRoutesFresh);
        is_idle_ = false;
    }
    void opens() {
        if (is_over_) return;
        // Some at once, as when a page is loaded.
        const auto crowd = events_.by_chance(0.1) ? 10U : 1U;
        for (unsigned i = 0; i < crowd && !is_idle_; ++i) world_.open_stream();
        events_.after(events_.between(Micros(0), Micros(10'000)), [this] { opens(); });
    }
    void moves() {
        if (is_over_) return;
        if (!is_idle_) world_.move_out();
        events_.after(events_.between(Micros(0), Micros(600'000)), [this] { moves(); });
    }

    void trouble() {
        world_.disturbed();
        const auto kinds = 1 + events_.below(3);
        for (std::size_t i = 0; i < kinds; ++i) one_trouble();
    }
    void one_trouble() {
        Nats& nats = world_.nats;
        switch (events_.below(9)) {
            case 0: return world_.kill_proxy(events_.below(world_.proxies()));
            case 1: nats.trouble.lost = 0.3 * events_.unit(); return;
            case 2: nats.trouble.false_silence = 0.5 * events_.unit(); return;
            case 3: nats.trouble.delay = Micros(200'000); return;
            case 4: return kill_server();
            case 5: return freeze_server();
            case 6:
                return nats.unroute(events_.below(world_.servers()),
                                    events_.below(world_.servers()));
            case 7: return part();
            default: return cut();
        }
    }
    void kill_server() {
        const auto server = events_.below(world_.servers());
        world_.nats.kill(server);
        undo_.emplace_back([=, this] { world_.nats.restart(server); });
    }
    void freeze_server() {
        const auto server = events_.below(world_.servers());
        world_.nats.freeze(server, events_.between(Micros(300'000), Micros(1'500'000)));
        undo_.emplace_back([=, this] { world_.nats.thaw(server); });
    }
    void part() {
        const auto a = events_.below(world_.proxies()), b = events_.below(world_.proxies());
        if (a == b) return;
        world_.part(a, b, true);
        if (events_.by_chance(0.5)) undo_.emplace_back([=, this] { world_.part(a, b, false); });
    }
    /// From NATS: one proxy for a moment, or all for a while.
    void cut() {
        Nats& nats = world_.nats;
        if (events_.by_chance(0.5)) {
            return nats.cut(world_.proxy(events_.below(world_.proxies())).client());
        }
        nats.no_service = true;
        for (std::size_t slot = 0; slot < world_.proxies(); ++slot)
            nats.cut(world_.proxy(slot).client());
    }
    void calm() {
        world_.disturbed();
        Nats& nats = world_.nats;
        nats.trouble = {};
        nats.no_service = false;
        for (const auto& undo : std::exchange(undo_, {})) undo();
        // A broken route of servers may stay: each part goes on.
        if (events_.by_chance(0.6)) {
            for (std::size_t a = 0; a < world_.servers(); ++a) {
                for (std::size_t b = 0; b < a; ++b) nats.route(a, b);
            }
        }
    }

    World& world_;
    Events& events_;
    bool is_idle_ = false, is_over_ = false;
    std::vector<std::function<void()>> undo_;
};

}  // namespace inout::cluster::sim
