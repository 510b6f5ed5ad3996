// Whether one that is asked again and again works: it takes several answers in a row to change
// that. Pure; its owner locks.
#pragma once

namespace inout {

struct HealthRule {
    unsigned rise = 2;  ///< so many successes in a row bring it back; at least 1
    unsigned fall = 3;  ///< so many failures in a row take it away; at least 1

    bool operator==(const HealthRule&) const = default;
};

class Health {
  public:
    /// Up, until the contrary is known: nobody is refused because of a guess.
    explicit Health(const HealthRule& rule = {}) : rule_(rule) {}

    bool is_up() const { return up_; }
    /// What it answered. True: that changes whether it is up.
    bool answered(bool well) {
        if (well == up_) {
            in_a_row_ = 0;
            return false;
        }
        if (++in_a_row_ < (up_ ? rule_.fall : rule_.rise)) return false;
        up_ = well;
        in_a_row_ = 0;
        return true;
    }
    /// From now on; what was answered so far counts.
    void set_rule(const HealthRule& rule) { rule_ = rule; }

  private:
    HealthRule rule_;
    bool up_ = true;
    unsigned in_a_row_ = 0;  ///< answers that speak against it
};

}  // namespace inout
