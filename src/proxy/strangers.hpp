// Strangers: the connections that are not yet identified, and who may become one.
//
// Bounded in all and per source. At a bound the oldest one that has said nothing makes room, or, if
// more of them have said something, the oldest of those; never the newcomer: whoever has something
// to say gets the time to say it, whatever the others do. What a source that fails repeatedly still
// gets, SourceRules says. Trusted addresses, such as a balancer's, speak for many and are bounded
// in all only. Thread-safe; every operation takes the same short time, whoever is attacking.
// docs/security.md, "Strangers".
#pragma once

#include <atomic>
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
    explicit Strangers(const ProxyLimits& limits);
    /// From now on; who is here stays.
    void set_limits(const ProxyLimits& limits);
    Strangers(const Strangers&) = delete;
    Strangers& operator=(const Strangers&) = delete;

    /// Somebody we know is connected from there, as long as this lives; from any thread.
    class Acquaintance;
    class Stay;
    /// Of a trusted one.
    enum class Speaks {
        for_itself,   ///< it has said for whom, or is not asked
        for_unknown,  ///< if it has to say that first, whoever it is for is judged, not itself
    };
    struct Admission {
        std::unique_ptr<Stay> stay;  ///< nothing: to be refused
        std::string_view reason{};   ///< then why, for the log
        bool crowded = false;        ///< another one had to make room
        Milliseconds penalty{0};     ///< what is left of one that it is refused for
    };
    /// For a connection that was just accepted, or has just said for whom it speaks, and of which
    /// nobody else has a handle. May close another one for it.
    Admission admit(const ConnectionPtr& connection, const ProxyConfig& config,
                    Speaks speaks = Speaks::for_itself);

    /// One stranger's stay, which goes with its connection, on that one's thread.
    class Stay {
      public:
        /// Has no place yet: admit() gives it one.
        Stay(Strangers& strangers, const ConnectionPtr& connection, bool trusted,
             bool speaks_for_others = false);
        Stay(const Stay&) = delete;
        Stay& operator=(const Stay&) = delete;
        ~Stay() { leave(); }

        /// It has sent something. To be called before it is waited for again; for whoever leaves at
        /// once it makes no difference.
        void has_spoken();
        /// Its TLS handshake begins: if it fails now, it has cost one.
        void shakes_hands();
        /// It is no stranger any more, or gone.
        void leave();
        /// The same, for it is somebody we know: the earlier failures of its source are forgiven,
        /// and its source is known for a while.
        void leave_known();
        /// The same, and its source is known while the answer lives, too. Nothing: it is trusted
        /// anyway.
        std::shared_ptr<Acquaintance> recognised();
        /// It made a mistake that costs its source something if repeated.
        void failed();
        /// It left without a word of ours. False: it had us shake hands for that, as its source
        /// does too often, and it has failed.
        bool monitored();
        /// False: its source has a penalty, and has had its share of TLS handshakes for now.
        bool may_shake_hands() const;
        /// What is left of the penalty that its source had when it came, in whole seconds; 0: none.
        long long penalty_s() const;
        /// Whether its TLS handshake may begin; if not, ask again after kKnownTurn.
        bool has_turn() const;
        /// It is trusted and has to say first whose connection it is (ProxyConfig::proxy_protocol);
        /// then that one is to be admitted in its place.
        bool speaks_for_others() const { return speaks_for_others_; }
        /// It was closed because a newer one needed the place.
        bool evicted() const;

      private:
        friend class Strangers;

        Strangers& strangers_;
        const Executor executor_;
        const IpAddress source_;
        const bool trusted_, speaks_for_others_;
        ConnectionPtr lent_;  // its owner's, as here_ is
        const std::weak_ptr<Connection> closable_;
        bool here_ = false;               // it has a place, and has not left
        SourceRules::Verdict verdict_{};  // as it came; then read only
        std::atomic<bool> evicted_{false};

        // Under the lock of Strangers.
        bool waits_ = true;  // in the queues
        bool silent_ = true;
        bool shook_hands_ = false;
        std::list<Stay*>::iterator in_all_, in_source_;
    };

  private:
    /// In the order of their arrival.
    struct Queue {
        std::list<Stay*> silent, speaking;
        std::size_t size() const { return silent.size() + speaking.size(); }
    };
    void remove(Stay& stay);
    bool evict_from(const Queue& queue);
    std::size_t places_now() const;
    bool make_room_of(const IpAddress& source, std::size_t places);

    std::mutex mutex_;
    std::size_t descriptors_, places_max_;
    Queue all_;
    std::map<IpAddress, Queue> by_source_;  // of those that are not trusted
    SourceRules rules_;
};

}  // namespace inout::proxy
