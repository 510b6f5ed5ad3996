// A fast reader for plain JSON, which is what every program of this protocol sends.
//
// Plain is: strings of printable ASCII without escapes, whole numbers of at most 18 digits, at most
// 32 levels. It calls the same events as the library's SAX interface and never accepts what the
// library would refuse; whatever is not plain is left to the library (message.cpp). Reading
// a message this way takes a tenth of the instructions. Pure; does not recurse.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace inout {

/// What stands for itself in a JSON string of printable ASCII.
inline constexpr auto kIsPlain = [] {
    std::array<bool, 256> is_plain{};
    for (std::size_t c = ' '; c <= '~'; ++c) is_plain[c] = c != '"' && c != '\\';
    return is_plain;
}();
/// How much of the text does, from its beginning.
inline std::size_t end_of_plain(std::string_view text) {
    const auto* const end = std::find_if_not(
        text.begin(), text.end(), [](char c) { return kIsPlain[static_cast<unsigned char>(c)]; });
    return static_cast<std::size_t>(end - text.begin());
}

template <class Events>
class PlainJson {
  public:
    PlainJson(std::string_view text, Events& events)
        : at_(text.data()), end_(text.data() + text.size()), events_(events) {}

    /// False: not plain, or no JSON at all; events may have been called.
    bool parse() {
        while (skip_space()) {
            if (!step()) return false;
        }
        return next_ == Next::end;
    }

  private:
    enum class Next { value, value_or_close, key, key_or_close, comma_or_close, end };
    static constexpr unsigned kDepthMax = 32;

    bool skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
        return at_ != end_;
    }

    bool step() {
        switch (next_) {
            case Next::value_or_close:
                if (*at_ == ']') return close();
                return value();
            case Next::value: return value();
            case Next::key_or_close:
                if (*at_ == '}') return close();
                return key();
            case Next::key: return key();
            case Next::comma_or_close:
                if (*at_ != ',') return close();
                ++at_;
                next_ = in_object() ? Next::key : Next::value;
                return true;
            case Next::end: return false;
        }
        return false;
    }

    bool value() {
        switch (*at_) {
            case '{': return open(true) && events_.start_object(0);
            case '[': return open(false) && events_.start_array(0);
            case '"': {
                std::string_view text;
                return string(text) && events_.string(text) && after_value();
            }
            case 't': return word("true") && events_.boolean(true) && after_value();
            case 'f': return word("false") && events_.boolean(false) && after_value();
            case 'n': return word("null") && events_.null() && after_value();
            default: return number() && after_value();
        }
    }

    bool key() {
        std::string_view name;
        if (!string(name) || !events_.key(name) || !skip_space() || *at_ != ':') return false;
        ++at_;
        next_ = Next::value;
        return true;
    }

    bool string(std::string_view& text) {
        if (*at_ != '"') return false;
        const std::string_view rest(at_ + 1, end_);
        text = rest.substr(0, end_of_plain(rest));
        at_ += 1 + text.size();
        return at_ != end_ && *at_++ == '"';
    }

    bool number() {
        const bool negative = *at_ == '-';
        if (negative) ++at_;
        const char* const begin = at_;
        std::uint64_t value = 0;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9' && at_ - begin <= 18) {
            value = value * 10 + static_cast<std::uint64_t>(*at_++ - '0');
        }
        const auto digits = at_ - begin;
        if (digits == 0 || digits > 18 || (*begin == '0' && digits > 1)) return false;
        if (at_ != end_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E')) return false;
        if (negative) return events_.number_integer(-static_cast<std::int64_t>(value));
        return events_.number_unsigned(value);
    }

    bool word(std::string_view expected) {
        const std::string_view rest{at_, static_cast<std::size_t>(end_ - at_)};
        if (!rest.starts_with(expected)) return false;
        at_ += expected.size();
        return true;
    }

    bool open(bool object) {
        if (depth_ == kDepthMax) return false;
        objects_ = objects_ << 1U | (object ? 1U : 0U);
        ++depth_;
        ++at_;
        next_ = object ? Next::key_or_close : Next::value_or_close;
        return true;
    }

    bool close() {
        if (*at_ != (in_object() ? '}' : ']')) return false;
        if (!(in_object() ? events_.end_object() : events_.end_array())) return false;
        objects_ >>= 1U;
        --depth_;
        ++at_;
        return after_value();
    }

    bool after_value() {
        next_ = depth_ == 0 ? Next::end : Next::comma_or_close;
        return true;
    }

    bool in_object() const { return (objects_ & 1U) != 0; }

    const char* at_;
    const char* const end_;
    Events& events_;
    Next next_ = Next::value;
    std::uint64_t objects_ = 0;  // one bit for each open container, the innermost lowest
    unsigned depth_ = 0;
};

}  // namespace inout
