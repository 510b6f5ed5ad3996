// Writes the members of one JSON object in the order given.
//
// By hand, because building and printing a document for each message cost a third of a stream's
// opening. MemberReader (message_reader.hpp) has the same members. Part of message.hpp's
// implementation; lives on message.cpp's stack. Pure.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/wire/message_members.hpp"
#include "common/wire/message_rules.hpp"
#include "common/wire/plain_json.hpp"

namespace inout {

/// As a JSON string, by the library; what is not UTF-8 is replaced, because the system's words may
/// be in any encoding.
std::string json_text(std::string_view text);

class MemberWriter {
  public:
    /// How a list takes a message: to look at it.
    template <class M>
    using Of = const M&;

    explicit MemberWriter(std::string& out) : out_(out) { out_ += '{'; }
    void close() { out_ += '}'; }

    void text(MemberName name, std::string_view value, const TextRule& rule,
              Presence presence = Presence::if_any) {
        if (presence == Presence::if_any && value.empty()) return;
        begin(name);
        append(rule.is_cut ? cut_text(value) : value);
    }
    template <class T>
    void word(MemberName name, T value, const WordRule<T>& rule,
              Presence presence = Presence::if_any) {
        text(name, rule.to(value), kId, presence);
    }
    void number(MemberName name, std::int64_t value, Bounds, Presence presence) {
        if (presence == Presence::never) return;
        begin(name);
        std::array<char, 20> digits;
        out_.append(digits.data(), std::to_chars(digits.begin(), digits.end(), value).ptr);
    }
    void number(MemberName name, std::optional<std::int64_t> value, Bounds bounds) {
        if (value) number(name, *value, bounds, Presence::always);
    }
    void number(MemberName name, std::optional<Milliseconds> value, Bounds bounds) {
        if (value) number(name, value->count(), bounds, Presence::always);
    }
    void exact(MemberName name, std::optional<unsigned> value, Bounds bounds) {
        if (value) number(name, *value, bounds, Presence::always);
    }
    /// 0 is nothing to say.
    void exact(MemberName name, unsigned value, Bounds bounds) {
        number(name, value, bounds, when(value != 0));
    }
    void flag(MemberName name, bool value) { number(name, 1, {0, 1}, when(value)); }

    template <class Visit>
    void ext(bool, Visit visit) {
        ext(Presence::always, visit);
    }
    /// With Presence::if_any only if there is anything in it.
    template <class Visit>
    void ext(Presence presence, Visit visit) {
        const std::size_t before = out_.size();
        begin("ext");
        MemberWriter ext(out_);
        ext.number("v", 1, {1, 1}, Presence::always);  // the version of what it may hold
        const std::size_t empty = out_.size();
        visit(ext);
        ext.close();
        if (presence == Presence::if_any && out_.size() == empty + 1) out_.resize(before);
    }
    template <class T, class Visit>
    void group(const std::optional<T>& value, Visit visit) {
        if (value) visit(*this, *value);
    }
    void require(bool) {}

  private:
    void begin(MemberName name) {
        if (out_.back() != '{') out_ += ',';
        out_ += '"';
        out_ += name.text();
        out_ += "\":";
    }
    void append(std::string_view text) {
        if (end_of_plain(text) != text.size()) {
            out_ += json_text(text);
            return;
        }
        out_ += '"';
        out_ += text;
        out_ += '"';
    }

    std::string& out_;
};

}  // namespace inout
