// The known members of a message's JSON, collected from a parser's events, and the reading of them.
//
// Part of message.hpp's implementation, for message_decode.cpp: values on its stack, one message at
// a time. Keeps nothing that a peer may make long but the texts themselves, which the frame's limit
// bounds; never recurses and never throws. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inout {

/// The members that mean anything, in the message, its payload and its ext alike.
inline constexpr std::string_view kMemberKeys[] = {
    "type",    "payload", "ext",      "magic",    "version", "request",
    "message", "code",    "v",        "instance", "mode",    "heartbeat_timeout",
    "proxy",   "ticket",  "position", "count",    "id",      "client",
    "warm",    "quiet",   "key",      "time",     "proof",   "e2e",
    "proof2",  "waiting", "identity", "bound",    "mac",
};

/// The originals take keys in any letter case.
inline bool is_key_named(std::string_view name, std::string_view key) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return name.size() == key.size() && std::equal(name.begin(), name.end(), key.begin(),
                                                   [&](char x, char y) { return lower(x) == y; });
}

enum class MemberKind { text, integer, natural, object, other };

/// The place of a known member: in the message itself, in its payload or in the payload's ext.
enum class MemberLevel { message = 1, payload, ext };

struct Member {
    MemberLevel level;
    std::size_t key;  // in kMemberKeys
    MemberKind kind;
    std::string text{};
    std::int64_t integer = 0;  // if it fits
    std::uint64_t natural = 0;
};

/// Receives the parser's events and keeps the known members of the three objects that matter; all
/// else is only counted through, so that depth costs nothing.
class MemberCollector {
  public:
    MemberCollector() { members_.reserve(kTypicalMembers); }

    bool is_message() const { return is_message_; }
    /// The last one of that name, as in the originals; nothing if absent.
    const Member* find(MemberLevel level, std::string_view key) const {
        const auto found = std::find_if(members_.rbegin(), members_.rend(), [&](const Member& m) {
            return m.level == level && kMemberKeys[m.key] == key;
        });
        return found == members_.rend() ? nullptr : &*found;
    }

    // The events; false would end the parsing.
    bool null() { return add(MemberKind::other); }
    bool boolean(bool) { return add(MemberKind::other); }
    bool number_float(double, const std::string&) { return add(MemberKind::other); }
    template <class Bytes>
    bool binary(const Bytes&) {
        return add(MemberKind::other);
    }
    bool number_integer(std::int64_t value) {
        if (Member* m = add_member(MemberKind::integer)) m->integer = value;
        return true;
    }
    bool number_unsigned(std::uint64_t value) {
        if (Member* m = add_member(MemberKind::natural)) m->natural = value;
        return true;
    }
    bool string(std::string_view value) {
        if (Member* m = add_member(MemberKind::text)) m->text = value;
        return true;
    }
    bool key(std::string_view name) {
        if (is_direct()) {
            const auto* const found =
                std::find_if(std::begin(kMemberKeys), std::end(kMemberKeys),
                             [&](auto key) { return is_key_named(name, key); });
            key_ = static_cast<std::size_t>(found - std::begin(kMemberKeys));
        }
        return true;
    }
    bool start_object(std::size_t) {
        const bool enters =
            is_direct() && (level_ == 0 || is_key(1, "payload") || is_key(2, "ext"));
        if (depth_ == 0) is_message_ = true;
        add(MemberKind::object);
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
        add(MemberKind::other);
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
    static constexpr std::size_t kTypicalMembers = 14;

    /// What comes now is a member of one of the three objects.
    bool is_direct() const { return depth_ == level_; }
    bool is_key(std::size_t level, std::string_view key) const {
        return level_ == level && key_ < std::size(kMemberKeys) && kMemberKeys[key_] == key;
    }
    Member* add_member(MemberKind kind) {
        if (!is_direct() || level_ == 0 || key_ == std::size(kMemberKeys)) return nullptr;
        return &members_.emplace_back(Member{static_cast<MemberLevel>(level_), key_, kind});
    }
    bool add(MemberKind kind) {
        add_member(kind);
        return true;
    }

    std::vector<Member> members_;
    std::size_t depth_ = 0;  // open objects and arrays
    std::size_t level_ = 0;  // of them, those that matter: always the outermost
    std::size_t key_ = std::size(kMemberKeys);
    bool is_message_ = false;
};

/// Reads members of one JSON object and remembers whether all of them were acceptable.
class MemberReader {
  public:
    MemberReader(const MemberCollector& members, MemberLevel level)
        : members_(members), level_(level) {}

    bool has(std::string_view key) const { return members_.find(level_, key) != nullptr; }

    std::string text(std::string_view key, std::size_t max_bytes, bool required) {
        const Member* member = members_.find(level_, key);
        if (member == nullptr) {
            ok_ = ok_ && !required;
            return {};
        }
        if (member->kind != MemberKind::text || member->text.size() > max_bytes) {
            ok_ = false;
            return {};
        }
        return member->text;
    }

    /// Clamped to [low, high]; nothing if absent.
    std::optional<std::int64_t> number(std::string_view key, std::int64_t low, std::int64_t high) {
        const Member* member = members_.find(level_, key);
        if (member == nullptr) return std::nullopt;
        if (member->kind == MemberKind::natural) {
            const auto top = static_cast<std::uint64_t>(high);
            return std::max(low, static_cast<std::int64_t>(std::min(member->natural, top)));
        }
        if (member->kind == MemberKind::integer) return std::clamp(member->integer, low, high);
        ok_ = false;
        return std::nullopt;
    }
    /// 1 for yes; absent for no.
    bool flag(std::string_view key) { return number(key, 0, 1) == 1; }

    /// Whether there is an `ext` object with v >= 1; there is none from a 0.0.1 peer.
    bool has_ext() {
        const Member* member = members_.find(level_, "ext");
        if (member == nullptr) return false;
        const bool valid = member->kind == MemberKind::object && ext().number("v", 0, 1) == 1;
        require(valid);
        return valid;
    }
    MemberReader ext() const { return {members_, MemberLevel::ext}; }

    void require(bool condition) { ok_ = ok_ && condition; }
    bool ok() const { return ok_; }

  private:
    const MemberCollector& members_;
    MemberLevel level_;
    bool ok_ = true;
};

}  // namespace inout
