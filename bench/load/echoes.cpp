// load pingpong, opens, idle and burst: what can be learnt from echoes.
#include <cstdio>

#include "load/commands.hpp"
#include "load/echo_client.hpp"
#include "load/latencies.hpp"

namespace inout::bench {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;
using Milliseconds = std::chrono::duration<double, std::milli>;

void print_rate(Latencies& latencies, Clock::duration time) {
    std::printf(R"({"per_s":%.1f,"p50_us":%.1f,"p99_us":%.1f,"count":%zu})"
                "\n",
                static_cast<double>(latencies.count()) / Seconds(time).count(),
                latencies.percentile<Microseconds>(0.50), latencies.percentile<Microseconds>(0.99),
                latencies.count());
}

std::size_t size(int number) { return static_cast<std::size_t>(number); }

}  // namespace

void pingpong(const sockaddr_in& address, int connections, int message_bytes, Seconds time) {
    EventLoop loop;
    auto clients = make_clients(loop, address, size(connections), size(message_bytes));
    open_all(loop, clients);

    Latencies latencies;
    bool over = false;
    std::size_t in_flight = clients.size();
    const auto start = Clock::now();
    for (auto& client : clients) {
        client->on_reply = [&, client = client.get()] {
            if (over) {
                --in_flight;
            } else {
                latencies.add(client->latency());
                client->send();
            }
        };
        client->send();
    }
    loop.run_for(time);
    const auto taken = Clock::now() - start;
    over = true;
    loop.run_until([&] { return in_flight == 0; }, "the last echoes");
    end_all(loop, clients);
    print_rate(latencies, taken);
}

void opens(const sockaddr_in& address, int at_once, Seconds time, End end) {
    EventLoop loop;
    auto clients = make_clients(loop, address, size(at_once));
    Latencies latencies;
    bool over = false;
    std::size_t open = clients.size();
    const auto start = Clock::now();
    for (auto& client : clients) {
        client->on_reply = [&, client = client.get()] {
            if (!over) latencies.add(client->latency());
            if (end == End::fin) return client->end();
            client->reset();
            client->on_end();
        };
        client->on_end = [&, client = client.get()] {
            if (over) {
                --open;
            } else {
                client->open();
            }
        };
        client->open();
    }
    loop.run_for(time);
    const auto taken = Clock::now() - start;
    over = true;
    loop.run_until([&] { return open == 0; }, "the last connections");
    print_rate(latencies, taken);
}

void idle(const sockaddr_in& address, int connections) {
    class Stdin final : public Handler {
      public:
        bool ended = false;
        void ready(std::uint32_t) override {
            char ignored[256];
            ended = ::read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
        }
    };
    EventLoop loop;
    auto clients = make_clients(loop, address, size(connections));
    open_all(loop, clients);
    std::printf("{\"open\":%zu}\n", clients.size());
    std::fflush(stdout);

    Stdin input;  // must be something to wait for: a pipe or a terminal, not a file
    loop.add(STDIN_FILENO, EPOLLIN, input);
    while (!input.ended) loop.turn(Clock::now() + std::chrono::hours(1));
    end_all(loop, clients);
}

void burst(const sockaddr_in& address, int at_once, int rounds, int pause_ms) {
    EventLoop loop;
    std::string figures;
    for (int round = 0; round < rounds; ++round) {
        if (round > 0) loop.run_for(Milliseconds(pause_ms));
        auto clients = make_clients(loop, address, size(at_once));
        Latencies latencies;
        for (auto& client : clients) {
            client->on_reply = [&, client = client.get()] { latencies.add(client->latency()); };
        }
        for (auto& client : clients) client->open();
        loop.run_until([&] { return latencies.count() == clients.size(); }, "a burst's bytes");
        end_all(loop, clients);

        char figure[64];
        std::snprintf(figure, sizeof figure, R"(%s{"p50_ms":%.2f,"max_ms":%.2f})",
                      round > 0 ? "," : "", latencies.percentile<Milliseconds>(0.5),
                      latencies.percentile<Milliseconds>(1));
        figures += figure;
    }
    std::printf("{\"rounds\":[%s]}\n", figures.c_str());
}

}  // namespace inout::bench
