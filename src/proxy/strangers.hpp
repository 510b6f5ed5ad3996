// Strangers: the connections that are not yet identified, and who may become one.
//
// Bounded in all and per source. At a bound the oldest one that has said nothing makes room, or, if
// more of them have said something, the oldest of those; never the newcomer: whoever has something
// to say gets the time to say it, whatever the others do. What a source that fails repeatedly still
// gets, SourceRules says. Trusted addresses, such as a balancer's, speak for many and are bounded
// in all only. Thread-safe; every operation takes the same short time, whoever is attacking.
// docs/security.md, "Strangers".
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "common/config/types.hpp"
#include "common/net/close_soon.hpp"
#include "common/rules/source_rules.hpp"

namespace inout::proxy {

class Strangers {
  public:
    explicit Strangers(const ProxyConfig& config);
    Strangers(const Strangers&) = delete;
    Strangers& operator=(const Strangers&) = delete;

    class Place;
    struct Admission {
        std::shared_ptr<Place> place;  ///< nothing: to be refused
        std::string_view reason{};     ///< then why, for the log
        bool crowded = false;          ///< another one had to make room
        Milliseconds penalty{0};       ///< what is left of one that it is refused for
    };
    /// Somebody we know is connected from there, as long as this lives; from any thread.
    class Acquaintance;
    /// For a connection that will live on `executor`. May close another one for it.
    Admission admit(const Executor& executor, const IpAddress& peer);
    /// It never had its Stay.
    void forget(Place& place);

    /// One stranger's stay, in the frame of its connection.
    class Stay {
      public:
        Stay(Strangers& strangers, std::shared_ptr<Place> place, const ConnectionPtr& connection);
        Stay(const Stay&) = delete;
        Stay& operator=(const Stay&) = delete;
        ~Stay() { leave(); }

        /// It has sent something.
        void has_spoken();
        /// Its TLS handshake begins: if it fails now, it has cost one.
        void shakes_hands();
        /// It is no stranger any more, or gone.
        void leave();
        /// It is somebody we know: the earlier failures of its source are forgiven, and its source
        /// is known while the answer lives, and a while longer. Nothing: it is trusted anyway.
        std::shared_ptr<Acquaintance> recognised();
        /// It made a mistake that costs its source something if repeated.
        void failed();
        /// It shook hands and left without a word. False: its source does so too often, and it has
        /// failed.
        bool monitored();
        /// False: its source has a penalty, and has had its share of TLS handshakes for now.
        bool may_shake_hands() const;
        /// What is left of the penalty that its source had when it came, in whole seconds; 0: none.
        long long penalty_s() const;
        /// Whether its TLS handshake may begin; if not, ask again after kKnownTurn.
        bool has_turn() const;
        /// It has sent nothing yet.
        bool is_silent() const { return silent_; }
        /// It was closed because a newer one needed the place.
        bool evicted() const;

      private:
        Strangers& strangers_;
        std::shared_ptr<Place> place_;
        ConnectionPtr lent_;
        bool silent_ = true;
    };

  private:
    /// In the order of their arrival.
    struct Queue {
        std::list<Place*> silent, speaking;
        std::size_t size() const { return silent.size() + speaking.size(); }
    };
    bool remove(Place& place);
    bool evict_from(const Queue& queue);
    std::size_t places_now() const;
    bool make_room_of(const IpAddress& source, std::size_t places);

    const ProxyConfig& config_;
    const std::size_t descriptors_, places_max_;
    std::mutex mutex_;
    Queue all_;
    std::map<IpAddress, Queue> by_source_;  // of those that are not trusted
    SourceRules rules_;
};

}  // namespace inout::proxy
