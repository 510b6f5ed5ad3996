// The data connections of outs that this proxy carries to others of the cluster, whose
// registrations they belong to. Whether one waits for a stream or carries one, only its two ends
// know; as long as nothing has come back on it, it waits.
//
// At most so many, each with two descriptors. Thread-safe; each leaves on its worker's thread.
// Outlives its places.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "common/base/counters.hpp"
#include "common/relay/relay.hpp"

namespace inout::proxy {

/// They may have this part of all descriptors at most, with two each.
inline constexpr std::size_t kPassedOnPart = 8;

class PassedOn {
  public:
    explicit PassedOn(std::size_t most) : most_(most) {}
    PassedOn(const PassedOn&) = delete;
    PassedOn& operator=(const PassedOn&) = delete;

    /// One of them, for as long as it lives.
    class Place;
    /// From before the other proxy is dialled. Nothing: there are enough, or the proxy is ending.
    std::unique_ptr<Place> take();
    /// From now on; who is here stays.
    void set_limit(std::size_t most);
    /// No more. Those that wait end; the others count as streams until they end, or are reset by
    /// their worker's end.
    void drain();
    std::size_t size();  // only tests

  private:
    struct Line {
        RelaySet* relays = nullptr;
        std::shared_ptr<StreamRecord> record{};  // nothing: it is being made
        std::optional<Counted> as_stream{};
    };
    std::mutex mutex_;
    std::size_t most_;
    bool drains_ = false;
    std::list<Line> lines_;
};

class PassedOn::Place {
  public:
    Place(PassedOn& all, std::list<Line>::iterator line) : all_(all), line_(line) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();

    /// Its bytes begin to move. False: the proxy is ending, and nobody waits for this one.
    bool begin(RelaySet& relays, std::shared_ptr<StreamRecord> record);

  private:
    PassedOn& all_;
    const std::list<Line>::iterator line_;
};

}  // namespace inout::proxy
