// DescriptorBudget: who has how many of the proxy's descriptors, and who may have one more.
//
// Every connection that is no stranger's any more has an owner: the identity that proved itself, or
// the address of an anonymous one. Of all descriptors
//   - what is optional, parked and spare connections, has at most a quarter, and none of the last
//     quarter: it gives way first, and comes back only where there is room for good;
//   - one owner has at most seven eighths; beyond, each has its own sixteenth, whatever others have
//     taken;
//   - where keys or certificates count, the anonymous have at most a half in all, and one address
//     of theirs a quarter;
//   - the other proxies of the cluster have at most a half in all: what they need is for clients
//     that have a proxy of their own;
//   - one sixteenth stays free for those who are not yet known.
// What somebody has of the optional is held against more of that only, never against what it needs.
// So neither a key nor an address can take all. Thread-safe; knows no descriptor: its numbers are
// its callers'. Outlives its shares. docs/security.md, "Descriptors".
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace inout::proxy {

class DescriptorBudget {
  public:
    /// What a connection is for; the last two are optional.
    enum class Kind { control, stream, parked, spare };
    struct Owner {
        std::string name;
        bool anonymous = false;  ///< where others are not
        bool shared = false;     ///< an address that speaks for many: no limit of its own
        bool peer = false;       ///< a proxy of the cluster, which asks for others
    };
    enum class Verdict { granted, owner_has_enough, none_left };

    /// `descriptors`: for connections of all kinds. `spare_max`: spare connections of one owner.
    DescriptorBudget(std::size_t descriptors, std::size_t spare_max)
        : all_(descriptors), spare_max_(spare_max) {}
    /// Other numbers from now on; who has more keeps it.
    void resize(std::size_t descriptors, std::size_t spare_max) {
        all_ = descriptors;
        spare_max_ = spare_max;
    }
    DescriptorBudget(const DescriptorBudget&) = delete;
    DescriptorBudget& operator=(const DescriptorBudget&) = delete;

    /// Some descriptors of one owner, given back when it is destroyed.
    class Share {
      public:
        Share(DescriptorBudget& budget, Kind kind, Owner owner, std::size_t count)
            : budget_(budget), kind_(kind), owner_(std::move(owner)), count_(count) {}
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;
        ~Share() { budget_.give_back(kind_, owner_, count_); }

      private:
        DescriptorBudget& budget_;
        const Kind kind_;
        const Owner owner_;
        const std::size_t count_;
    };

    /// `share` is set if it is granted. `in_use`: descriptors of the whole process, what this is
    /// for perhaps included.
    Verdict take(Kind kind, const Owner& owner, std::size_t count, std::size_t in_use,
                 std::unique_ptr<Share>& share);
    /// Whether take() would grant one now.
    bool has_room(Kind kind, const Owner& owner, std::size_t in_use);
    /// Whether what is optional has to give way to what is not.
    bool is_tight(std::size_t in_use) const { return in_use >= all_but(8); }
    /// Whether only a little is left, most of it for those who are not yet known.
    bool is_spent(std::size_t in_use) const { return in_use >= all_but(16); }
    std::size_t descriptors() const { return all_; }
    std::size_t optional_max() const { return all_ / 4; }

  private:
    using Counts = std::array<std::size_t, 4>;  // by kind
    static bool is_optional(Kind kind) { return kind == Kind::parked || kind == Kind::spare; }
    static std::size_t needed(const Counts& counts);
    static std::size_t optional(const Counts& counts);
    static std::size_t total(const Counts& counts) { return needed(counts) + optional(counts); }
    Verdict judge(Kind kind, const Owner& owner, std::size_t count, std::size_t in_use) const;
    void give_back(Kind kind, const Owner& owner, std::size_t count);
    /// All but this part of them.
    std::size_t all_but(std::size_t part) const {
        const std::size_t all = all_;
        return all - all / part;
    }

    std::atomic<std::size_t> all_, spare_max_;
    std::mutex mutex_;
    Counts held_{};
    Counts anonymous_{}, peers_{};                    // of `held_`
    std::unordered_map<std::string, Counts> owners_;  // with something
};

}  // namespace inout::proxy
