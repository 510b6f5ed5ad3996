// Reads the members of one JSON object into a message's, and remembers whether all were acceptable.
//
// MemberWriter (message_writer.hpp) has the same members, so that one list for each message
// (message_fields.hpp) serves both directions. After something wrong the message means nothing:
// whoever asks for it must look at ok() first. Part of message.hpp's implementation; lives on
// message.cpp's stack. Pure.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "common/wire/message_members.hpp"
#include "common/wire/message_rules.hpp"

namespace inout {

class MemberReader {
  public:
    /// How a list takes a message: to fill it.
    template <class M>
    using Of = M&;

    MemberReader(const MemberCollector& members, MemberLevel level)
        : members_(members), level_(level) {}

    void text(MemberName name, std::string& value, const TextRule& rule,
              Presence presence = Presence::if_any) {
        const Member* const member = find(name, MemberKind::text, presence);
        if (member == nullptr) return;
        const std::string_view text = member->text();
        require(text.size() <= rule.max_bytes && rule.is_fine(text));
        value = rule.is_cut ? cut_text(text) : text;
    }
    template <class T>
    void word(MemberName name, T& value, const WordRule<T>& rule,
              Presence presence = Presence::if_any) {
        const Member* const member = find(name, MemberKind::text, presence);
        if (member == nullptr) return;
        const auto known = rule.from(member->text());
        require(member->text().size() <= kIdMaxBytes && known.has_value());
        value = known.value_or(value);
    }
    /// Clamped to the bounds.
    template <class T>
    void number(MemberName name, T& value, Bounds bounds, Presence presence = Presence::if_any) {
        const Member* const member = find(name, MemberKind::number, presence);
        if (member == nullptr) return;
        value = static_cast<T>(std::clamp(member->number, bounds.min, bounds.max));
    }
    /// Not clamped: who counts otherwise than the peer takes other bytes for the next message.
    template <class T>
    void exact(MemberName name, T& value, Bounds bounds) {
        const Member* const member = find(name, MemberKind::number, Presence::if_any);
        if (member == nullptr) return;
        require(member->number >= bounds.min && member->number <= bounds.max);
        value = static_cast<unsigned>(member->number);
    }
    /// 1 for yes; absent for no.
    void flag(MemberName name, bool& value) { number(name, value, {0, 1}); }

    /// The object of extensions, which a 0.0.1 peer's messages have not; `visit(ext)` reads it.
    template <class Visit>
    void ext(bool& there, Visit visit) {
        if (find("ext", MemberKind::object, Presence::if_any) == nullptr) return;
        MemberReader ext(members_, MemberLevel::ext);
        ext.number("v", there, {0, 1});
        if (there) visit(ext);
        require(there && ext.ok_);
    }
    template <class Visit>
    void ext(Presence presence, Visit visit) {
        bool there = false;
        ext(there, visit);
        require(there || presence != Presence::required);
    }

    /// Members that are there together or not at all; `visit(members, value)` reads them.
    template <class T, class Visit>
    void group(std::optional<T>& value, Visit visit) {
        MemberReader members(members_, level_);
        visit(members, value.emplace());
        if (members.found_) {
            require(members.ok_);
        } else {
            value.reset();
        }
    }

    void require(bool condition) { ok_ = ok_ && condition; }
    bool ok() const { return ok_; }

  private:
    /// Nothing if it is not there, or is something else.
    const Member* find(MemberName name, MemberKind kind, Presence presence) {
        const Member& member = members_.find(level_, name);
        if (member.kind == MemberKind::absent) {
            require(presence != Presence::required);
            return nullptr;
        }
        found_ = true;
        require(member.kind == kind);
        return member.kind == kind ? &member : nullptr;
    }

    const MemberCollector& members_;
    MemberLevel level_;
    bool ok_ = true;
    bool found_ = false;
};

}  // namespace inout
