// The tries of one open: whom it has asked already, and what the answer of the one that it has just
// asked allows. Nothing of a client may reach two backends, so there is a next try only where
// nothing was sent, or where who got it says that it has begun nothing with it. Pure; in the frame
// of the conversation that opens the stream.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "common/base/scale_limits.hpp"
#include "common/rules/topic_registry.hpp"
#include "proxy/activation.hpp"

namespace inout::proxy {

/// Registrations that a stream does not go to (again).
class Tried {
  public:
    Tried() = default;
    /// `names`: InRequest::tried, of what in has asked by other requests; it must outlive this.
    explicit Tried(std::string_view names)
        : names_(names), count_((names.size() + 1) / (kOutNameDigits + 1)) {}

    void add(RegistrationId id) {
        had_one_ = true;
        if (is_full()) return;
        ids_[own_++] = id;
        ++count_;
    }
    bool has(RegistrationId id, std::string_view name) const {
        const auto* const end = ids_.begin() + own_;
        return std::find(ids_.begin(), end, id) != end ||
               (!name.empty() && names_.find(name) != std::string_view::npos);
    }
    /// An out of another proxy has refused it.
    void add_elsewhere() {
        had_one_ = true;
        ++count_;
    }
    /// Those of in's other requests count.
    bool is_full() const { return count_ >= kTriesMax; }
    bool is_empty() const { return count_ == 0; }

    /// There was an out for this stream, which may have gone.
    void found_one() { had_one_ = true; }
    bool had_one() const { return had_one_; }

  private:
    std::array<RegistrationId, kTriesMax> ids_{};
    std::size_t own_ = 0;  // of them
    std::string_view names_;
    std::size_t count_ = 0;
    bool had_one_ = false;
};

/// The safe list: refusals that another out might not make.
constexpr bool may_go_elsewhere(Code code) {
    switch (code) {
        case Code::backend_refused:
        case Code::backend_timeout:
        case Code::backend_unresolved:
        case Code::draining:
        case Code::unready:
        case Code::limit:
        case Code::no_topic: return true;
        default: return false;
    }
}

/// Whether a refusal says something about the out, and not about one stream: another client would
/// hear the same.
constexpr bool is_failure_of_out(Code code, bool ext) {
    if (code == Code::draining) return false;
    return may_go_elsewhere(code) || code == Code::open_timeout || !ext;
}

class OutTries {
  public:
    explicit OutTries(Clock::time_point give_up_at) : give_up_at_(give_up_at) {}

    /// How things stand when an answer has come, or none.
    struct Facts {
        bool ext = false;     ///< the registration is not one of 0.0.1
        bool passed = false;  ///< something of the client was sent to it, or may have been
        bool kept = false;    ///< that is still here, and can be sent again
    };
    enum class Next {
        open,      ///< the stream runs
        same_out,  ///< only a connection was dead: whoever is first choice, the same one too
        other,     ///< one that was not tried
        none,      ///< over: reason() says why
    };
    /// After the activation of a data connection of `id`, which the stream leaves unless it is
    /// open.
    Next after(const Activation& activation, const Facts& facts, RegistrationId id, Tried& tried,
               Clock::time_point now) {
        using Verdict = Activation::Verdict;
        if (activation.verdict == Verdict::open) {
            ++count_;
            return Next::open;
        }
        if (facts.passed && !activation.untouched) is_untouched_ = false;
        const bool safe = !facts.passed || (activation.untouched && facts.kept);
        if (activation.verdict == Verdict::dead) {
            tried.found_one();
            if (!safe) return over({Code::no_out, "out ended with the first bytes"});
            return now < give_up_at_ ? Next::same_out : Next::none;
        }
        return refused(id, tried, activation.refusal, safe && is_followed(activation, facts), now);
    }
    /// Nothing was asked of this one, because it may not have the stream.
    Next passed_over(RegistrationId id, Tried& tried, const Reason& why, Clock::time_point now) {
        return refused(id, tried, why, true, now);
    }

    /// Another proxy was asked, and it has it now.
    void opened_elsewhere() { ++count_; }
    /// Another proxy was asked in vain. `counts`: for what one of its outs has said.
    Next after_hop(const Reason& why, bool counts, bool untouched, bool may_go_on, Tried& tried,
                   Clock::time_point now) {
        ++count_;
        if (!untouched) is_untouched_ = false;
        if (counts) {
            tried.add_elsewhere();
            remember(why);
        }
        return may_go_on && !tried.is_full() && now < give_up_at_ ? Next::other : Next::none;
    }

    /// Whether an out has refused it, but for one that was just ending.
    bool was_refused() const { return first_.code != Code::none && first_.code != Code::draining; }
    /// Why there is no stream: the first refusal of an out that was not just ending, because that
    /// is the one that the client was for. Without one, `otherwise`.
    Reason reason(const Reason& otherwise) const {
        return first_.code != Code::none ? first_ : otherwise;
    }
    /// How many outs were asked and have not just lost a connection.
    unsigned count() const { return count_; }
    /// No backend has got anything of the client: in may ask elsewhere.
    bool is_untouched() const { return is_untouched_; }

  private:
    /// A 0.0.1 out's words say nothing about what it has done with bytes that it got; without any,
    /// all that it can mean is its backend.
    static bool is_followed(const Activation& activation, const Facts& facts) {
        if (activation.refusal.code == Code::open_timeout) return false;
        return facts.ext ? may_go_elsewhere(activation.refusal.code) : !facts.passed;
    }
    void remember(const Reason& reason) {
        if (first_.code == Code::none || first_.code == Code::draining) first_ = reason;
    }
    Next over(const Reason& reason) {
        ++count_;
        remember(reason);
        return Next::none;
    }
    Next refused(RegistrationId id, Tried& tried, const Reason& reason, bool may_go_on,
                 Clock::time_point now) {
        ++count_;
        tried.add(id);
        remember(reason);
        return may_go_on && !tried.is_full() && now < give_up_at_ ? Next::other : Next::none;
    }

    const Clock::time_point give_up_at_;
    Reason first_{Code::none, {}};
    unsigned count_ = 0;
    bool is_untouched_ = true;
};

}  // namespace inout::proxy
