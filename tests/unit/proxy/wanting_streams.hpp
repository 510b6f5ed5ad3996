// A pool of parked data connections, and streams that want one. The test is their other ends.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <list>
#include <memory>
#include <optional>

#include "../peer.hpp"
#include "common/net/error_watch.hpp"
#include "proxy/data_pool.hpp"

namespace inout::proxy {

/// A stream that wants a data connection, on `worker`.
struct WantingStream {
    explicit WantingStream(Worker& w)
        : worker(w), in(adopt(w.context(), std::move(pair.a))), watch(in) {}

    void take_from(const std::shared_ptr<DataPool>& pool, Clock::time_point deadline) {
        spawn(worker.executor(), "stream", wait(pool, deadline));
    }
    Task<> wait(std::shared_ptr<DataPool> pool, Clock::time_point deadline) {
        auto result = co_await pool->take(worker, deadline, in);
        taken.emplace(std::move(result));
    }
    bool is_served() const { return taken && taken->result == DataPool::Taken::ok; }
    bool has(const UniqueFd& out) {
        return is_served() && are_ends_of_one(taken->connection->fd(), out.get());
    }

    Worker& worker;
    TcpPair pair;  // `b` is its client's
    Connection in;
    ErrorWatch watch;
    std::optional<DataPool::Take> taken;
};

class WantingStreams : public testing::Test {
  protected:
    ~WantingStreams() override {
        if (pool) pool->close();
        settle();
    }

    /// Asks for `min` at once.
    void open(std::size_t min, std::size_t parked_max = 10, std::size_t waiting_max = 10,
              ParkingRoom room = {}) {
        pool = std::make_shared<DataPool>(
            PoolPolicy(min, 10, kPoolHardMax), parked_max, waiting_max,
            [this](std::size_t count, bool for_stream) {
                asked += count;
                asked_for_stream = for_stream;
            },
            std::move(room));
        pool->open();
    }
    /// Parks a connection; its other end. `there` is our descriptor.
    UniqueFd park(Worker& at, int* there = nullptr) {
        TcpPair pair;
        ConnectionPtr data = adopt_owned(at.context(), std::move(pair.a));
        if (there != nullptr) *there = data->fd();
        pool->park(std::move(data));
        return std::move(pair.b);
    }
    UniqueFd park() { return park(worker); }
    /// A stream that is served or waits by now.
    WantingStream& stream(Clock::time_point deadline = Clock::now() + kPatience) {
        WantingStream& added = streams.emplace_back(worker);
        added.take_from(pool, deadline);
        settle();
        return added;
    }
    void settle() { run_ready(worker.context()); }
    bool becomes(const std::function<bool()>& condition) {
        return run_until(worker.context(), condition);
    }
    End end(UniqueFd& out) { return Peer(worker.context(), std::move(out)).end(); }

    Worker worker{RelayOptions{}};
    Worker other{RelayOptions{}};  // its thread is the test's that needs it
    std::list<WantingStream> streams;
    std::atomic<std::size_t> asked{0};
    std::atomic<bool> asked_for_stream{false};
    std::shared_ptr<DataPool> pool;
};

}  // namespace inout::proxy
