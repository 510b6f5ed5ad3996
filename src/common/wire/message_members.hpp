// The known members of a message's JSON, collected from a parser's events.
//
// Part of message.hpp's implementation, for message.cpp: a value on its stack, one message at a
// time. Keeps one member for each name and place, and where its text is, so that nothing here grows
// with what a peer sends but the texts that the body has escaped; never recurses. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>

namespace inout {

/// The names that mean anything in a message, its payload or its ext (message_fields.hpp), the
/// shortest first: a peer's name is compared with those of its length only.
// clang-format off
inline constexpr std::string_view kMemberNames[] = {
    "v", "id", "ext", "key", "e2e", "mac", "not", "out", "hop", "bind", "type", "code", "mode", "time", "warm", "took", "zstd",
    "magic", "proxy", "count", "quiet", "retry", "proof", "bound", "reuse", "early", "nonce", "share", "lists", "probe",
    "ticket", "weight", "client", "framed", "origin", "source", "proof2", "serves", "at_once", "pattern", "payload", "version", "request", "message", "waiting", "instance",
    "position", "identity",
    "elsewhere",
    "heartbeat_timeout",
};
// clang-format on
inline constexpr std::size_t kMemberNameMaxBytes = std::rbegin(kMemberNames)->size();

/// Where the names of each length begin, and at +1 where they end.
inline constexpr auto kNamesOfLength = [] {
    std::array<std::uint8_t, kMemberNameMaxBytes + 2> begins{};
    for (const std::string_view name : kMemberNames) {
        for (std::size_t longer = name.size() + 1; longer < begins.size(); ++longer) {
            ++begins[longer];
        }
    }
    return begins;
}();
static_assert(std::ranges::is_sorted(kMemberNames, {}, &std::string_view::size));

/// One of them, by its place in the list.
class MemberName {
  public:
    /// Does not compile for a name that is not in the list.
    consteval MemberName(const char* name) : index_(find(name)) {
        if (index_ == std::size(kMemberNames)) throw "add it to kMemberNames";
    }

    /// The originals take names in any letter case. Returns the list's length if it is unknown.
    static constexpr std::size_t find(std::string_view name) {
        if (name.size() > kMemberNameMaxBytes) return std::size(kMemberNames);
        for (std::size_t i = kNamesOfLength[name.size()]; i < kNamesOfLength[name.size() + 1];
             ++i) {
            if (std::equal(name.begin(), name.end(), kMemberNames[i].begin(), is_letter)) return i;
        }
        return std::size(kMemberNames);
    }
    constexpr std::size_t index() const { return index_; }
    constexpr std::string_view text() const { return kMemberNames[index_]; }

  private:
    static constexpr bool is_letter(char written, char known) {
        return written == known || (written >= 'A' && written <= 'Z' && written + 32 == known);
    }
    std::size_t index_;
};

/// The place of a known member: in the message itself, in its payload or in the payload's ext.
enum class MemberLevel : std::uint8_t { message = 1, payload, ext };
enum class MemberKind : std::uint8_t { absent, text, number, object, other };

struct Member {
    MemberKind kind = MemberKind::absent;
    const char* begin = nullptr;  ///< of a text
    std::int64_t number = 0;      ///< a whole one; of a text its bytes

    std::string_view text() const { return {begin, static_cast<std::size_t>(number)}; }
};

/// Receives the parser's events and keeps the known members of the three objects that matter; all
/// else is only counted through, so that depth costs nothing. Of members with one name the last
/// counts, as in the originals.
class MemberCollector {
  public:
    /// `body` is the whole text; it must outlive this.
    explicit MemberCollector(std::string_view body) : body_bytes_(body.size()) {}

    const Member& find(MemberLevel level, MemberName name) const {
        return members_[static_cast<std::size_t>(level) - 1][name.index()];
    }

    // The events; false would end the parsing.
    bool null() { return add({MemberKind::other}); }
    bool boolean(bool) { return add({MemberKind::other}); }
    bool number_float(double, const std::string&) { return add({MemberKind::other}); }
    template <class Bytes>
    bool binary(const Bytes&) {
        return add({MemberKind::other});
    }
    bool number_integer(std::int64_t value) { return add({MemberKind::number, nullptr, value}); }
    /// What is beyond an integer is beyond every limit of ours too.
    bool number_unsigned(std::uint64_t value) {
        constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
        return number_integer(static_cast<std::int64_t>(std::min(value, kMost)));
    }
    /// A part of the body.
    bool string(std::string_view text) {
        return add({MemberKind::text, text.data(), static_cast<std::int64_t>(text.size())});
    }
    /// A text of the library's, which its next one overwrites. Together they are not longer than
    /// the body, which has them escaped: what is kept does not move.
    bool string(std::string& text) {
        if (!is_known()) return true;
        texts_.reserve(body_bytes_);
        texts_ += text;
        return string(std::string_view(texts_).substr(texts_.size() - text.size()));
    }
    bool key(std::string_view name) {
        if (is_direct()) name_ = MemberName::find(name);
        return true;
    }
    bool start_object(std::size_t) {
        const bool enters = is_direct() && (level_ == 0 || (level_ == 1 && is_named("payload")) ||
                                            (level_ == 2 && is_named("ext")));
        add({MemberKind::object});
        ++depth_;
        if (enters) ++level_;
        return true;
    }
    bool end_object() {
        if (is_direct()) --level_;
        --depth_;
        return true;
    }
    bool start_array(std::size_t) {
        add({MemberKind::other});
        ++depth_;
        return true;
    }
    bool end_array() {
        --depth_;
        return true;
    }
    template <class Error>
    bool parse_error(std::size_t, const std::string&, const Error&) {
        return false;
    }

  private:
    static constexpr std::size_t kNames = std::size(kMemberNames);

    /// What comes now is a member of one of the three objects, or their outermost itself.
    bool is_direct() const { return depth_ == level_; }
    /// The outermost object has no name.
    bool is_known() const { return is_direct() && name_ < kNames; }
    bool is_named(MemberName name) const { return name_ == name.index(); }
    bool add(const Member& member) {
        if (is_known()) members_[level_ - 1][name_] = member;
        return true;
    }

    std::array<std::array<Member, kNames>, 3> members_{};
    std::string texts_;  // of the members that are no part of the body
    std::size_t body_bytes_;
    std::size_t depth_ = 0;  // open objects and arrays
    std::size_t level_ = 0;  // of them, those that matter: always the outermost
    std::size_t name_ = kNames;
};

}  // namespace inout
