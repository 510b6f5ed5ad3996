// The streams of one worker, those that are being opened and those that run, each with one record
// from its first moment to its line in the log.
//
// A stream's owner, the opening and then its relay, has a StreamEntry and writes the record, on the
// worker's thread and without locks; any thread may read it, also when the stream has ended. The
// table's lock is taken when a stream comes, when it goes, and by who asks for all: 150 of the
// 60,000 instructions and more of an open, and no reader waits for a worker that is busy. Nor does
// a worker wait long for a reader, who takes shares of the records and reads them afterwards.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/counters.hpp"
#include "common/net/asio.hpp"
#include "common/rules/reason.hpp"
#include "common/rules/stream_end.hpp"

namespace inout {

class Relay;
class StreamTable;

enum class StreamState : unsigned char {
    opening,
    open,
    ending,  ///< a leg is lost, or both have ended: what is left is being delivered
};

/// Where a stream goes, as its program sees it.
struct Destination {
    /// "server" (in), "backend" (out) or "proxy" (proxy, of another one); empty: it is not told.
    const char* kind = "";
    std::shared_ptr<const std::string> name{};
};

/// How a stream came here over another proxy of the cluster.
struct Hop {
    std::string via;     ///< that one: "proxy b"
    std::string origin;  ///< who has asked there: "key office"
};

class StreamRecord : public std::enable_shared_from_this<StreamRecord> {
  public:
    /// `client_peer` is the other side of the leg towards the client.
    StreamRecord(std::string stream_id, std::string stream_topic, std::string stream_client,
                 const Endpoint& client_peer)
        : id(std::move(stream_id)),
          topic(std::move(stream_topic)),
          client(std::move(stream_client)),
          client_peer_(client_peer) {}

    // For any thread.

    const std::string id;  ///< a peer may have chosen it, and that of another stream
    const std::string topic, client;
    const Clock::time_point arrived = Clock::now();  ///< when its opening began
    StreamState state() const { return state_.load(std::memory_order_acquire); }
    const Endpoint& client_peer() const { return client_peer_; }
    /// Nothing while it is being opened.
    std::optional<Endpoint> service_peer() const {
        if (state() == StreamState::opening) return std::nullopt;
        return service_peer_;
    }
    /// Of a stream that was opened: where it goes. For the owner in any case.
    const Destination& destination() const { return destination_; }
    /// Destinations that were tried for it, this one included.
    unsigned tries() const { return tries_; }
    /// Nothing: who wants it has asked here. For the owner, and of a stream that was opened.
    const Hop* hop() const { return hop_.get(); }
    /// So far, of an open stream: what has come from a leg and was accepted by the other's kernel.
    std::uint64_t bytes_from(StreamLeg leg) const {
        return bytes_[static_cast<std::size_t>(leg)].load(std::memory_order_relaxed);
    }

    // For the owner.

    /// Before it is open: where it goes, and which try that is.
    void goes_to(Destination destination, unsigned tries) {
        destination_ = std::move(destination);
        tries_ = tries;
    }
    /// The same: where it has come from.
    void came_by(Hop hop) { hop_ = std::make_unique<const Hop>(std::move(hop)); }
    void opened(const Endpoint& service_peer) {
        service_peer_ = service_peer;
        state_.store(StreamState::open, std::memory_order_release);
    }
    void is_ending() { state_.store(StreamState::ending, std::memory_order_release); }
    void has_moved(StreamLeg from, std::uint64_t bytes_in_all) {
        auto& so_far = bytes_[static_cast<std::size_t>(from)];
        const std::uint64_t more = bytes_in_all - so_far.load(std::memory_order_relaxed);
        const Counters& all = counters();
        (from == StreamLeg::client ? all.bytes_up : all.bytes_down)
            .add(static_cast<std::int64_t>(more));
        so_far.store(bytes_in_all, std::memory_order_relaxed);
    }

    // For whoever ends it from elsewhere, on the worker's thread.

    Relay* relay = nullptr;                 ///< that carries it now
    std::unique_ptr<const StreamEnd> told;  ///< to end as soon as it is open, and why

  private:
    friend class StreamTable;

    const Endpoint client_peer_;
    Endpoint service_peer_;  // written once, before the state says "open"; so are these:
    Destination destination_;
    unsigned tries_ = 1;
    std::unique_ptr<const Hop> hop_;
    std::atomic<std::uint64_t> bytes_[2] = {};
    std::atomic<StreamState> state_{StreamState::opening};
    StreamRecord *next_ = nullptr, *previous_ = nullptr;  // under the table's lock
};

class StreamTable {
  public:
    StreamTable() = default;
    StreamTable(const StreamTable&) = delete;
    StreamTable& operator=(const StreamTable&) = delete;

    using Records = std::vector<std::shared_ptr<StreamRecord>>;
    /// Those that are here now, the newest first. From any thread.
    Records all() const { return matching({}); }
    /// Those that have this id: peers may have chosen the same. From any thread.
    Records matching(std::optional<std::string_view> id) const;

  private:
    friend class StreamEntry;
    void add(StreamRecord& record) noexcept;
    void remove(StreamRecord& record) noexcept;

    mutable std::mutex mutex_;
    StreamRecord* first_ = nullptr;
    std::size_t size_ = 0;
};

/// A stream as its owner holds it: in the table for as long as this lives, or until it leaves.
/// Movable. On the worker's thread.
class StreamEntry {
  public:
    StreamEntry(StreamTable& table, std::string id, std::string topic, std::string client,
                const Endpoint& client_peer);
    /// Of a connection that is carried on as it is, whatever streams it may carry: no stream of
    /// this program. It is in no table and not counted, and its end is told to who debugs only.
    StreamEntry(std::string topic, std::string owner, const Endpoint& owner_peer);
    StreamEntry(StreamEntry&& other) noexcept = default;
    StreamEntry& operator=(StreamEntry&&) = delete;
    ~StreamEntry() { leave(); }

    StreamRecord& operator*() const { return *record_; }
    StreamRecord* operator->() const { return record_.get(); }

    /// Or it is a connection that is carried on as it is.
    bool is_stream() const { return table_ != nullptr; }
    std::shared_ptr<StreamRecord> record() const { return record_; }

    /// The stream has ended: it is in the table no more, and this is empty.
    void leave() noexcept;
    /// It was open and has ended: counted, kept for who asks why, and its line in the log. If
    /// memory runs out the line is lost.
    void has_ended(Clock::time_point opened, const StreamEnd& end) const;
    /// The same for one that could not be opened. `asker`, if it is not empty, is who is to blame
    /// if there is no such topic.
    void has_failed(Code code, const std::string& detail, const std::string& asker) const;

    const char* client_side = "client";  ///< the names of its two legs, for the log
    const char* service_side = "backend";
    /// Bytes on a leg that is compressed, for the log; nothing: none is.
    struct Wire {
        std::uint64_t up = 0, down = 0;
    };
    std::optional<Wire> wire{};
    unsigned use = 1;  ///< which stream of its connection to our other program this is, for the log

  private:
    StreamTable* table_ = nullptr;
    std::shared_ptr<StreamRecord> record_;  // nothing: it has left
};

}  // namespace inout
