#include "common/config/document.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/utf8.hpp"
#include "common/config/text_hints.hpp"

namespace inout {
namespace {

using Kind = JsonValue::Kind;

bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.' || c == '_';
}

/// A recursive descent over the text. The functions that read answer whether they could; if not,
/// `problem_` says why and nothing more is read.
class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<JsonValue, TextProblem> parse() {
        JsonValue root;
        if (!skip_blanks() || !read_value(root, 0) || !skip_blanks()) return Failure{problem_};
        if (at_ < text_.size()) fail("expected nothing more after the configuration");
        if (!problem_.what.empty()) return Failure{problem_};
        return root;
    }

  private:
    bool at(std::string_view token) const { return text_.substr(at_).starts_with(token); }

    bool take(std::string_view token) {
        if (!at(token)) return false;
        at_ += token.size();
        return true;
    }

    bool fail_at(std::string_view where, std::string what) {
        problem_ = {where, std::move(what)};
        return false;
    }

    /// Complains about what stands here and appends what that is.
    bool fail(const std::string& what) {
        const std::string_view here = text_.substr(at_);
        return fail_at(here, what + ", " + found(here));
    }

    /// White space and comments.
    bool skip_blanks() {
        while (at_ < text_.size()) {
            if (at("//")) {
                at_ = std::min(text_.find('\n', at_), text_.size());
            } else if (at("/*")) {
                const auto end = text_.find("*/", at_ + 2);
                if (end == text_.npos) return fail_at(text_.substr(at_), "the comment has no end");
                at_ = end + 2;
            } else if (at(" ") || at("\t") || at("\n") || at("\r")) {
                ++at_;
            } else {
                break;
            }
        }
        return true;
    }

    bool read_value(JsonValue& value, std::size_t depth) {
        value.source = text_.substr(at_, 1);
        if (at("{") || at("[")) {
            if (depth == kJsonDepthMax) {
                return fail_at(value.source, "nested more than " + std::to_string(kJsonDepthMax) +
                                                 " levels deep");
            }
            return at("{") ? read_object(value, depth) : read_array(value, depth);
        }
        if (at("\"")) {
            value.kind = Kind::string;
            return read_string(value.source, value.text);
        }
        return read_word(value);
    }

    /// Items with commas between them, and after the last one if you like, up to `close`.
    template <class ReadItem>
    bool read_sequence(std::string_view close, ReadItem read_item) {
        ++at_;
        while (true) {
            if (!skip_blanks()) return false;
            if (take(close)) return true;
            if (!read_item() || !skip_blanks()) return false;
            if (take(close)) return true;
            if (!take(",")) return fail("expected ',' or '" + std::string(close) + "'");
        }
    }

    bool read_array(JsonValue& array, std::size_t depth) {
        array.kind = Kind::array;
        return read_sequence("]",
                             [&] { return read_value(array.elements.emplace_back(), depth + 1); });
    }

    bool read_object(JsonValue& object, std::size_t depth) {
        object.kind = Kind::object;
        return read_sequence("}", [&] {
            if (!at("\"")) return fail("expected a key in double quotes or '}'");
            JsonMember& member = object.members.emplace_back();
            if (!read_string(member.source, member.key) || !skip_blanks()) return false;
            if (!take(":")) return fail("expected ':' after the key");
            return skip_blanks() && read_value(member.value, depth + 1);
        });
    }

    bool read_string(std::string_view& source, std::string& value) {
        const std::size_t begin = at_++;
        for (; !at("\""); ++at_) {
            if (at("\\")) ++at_;
            if (at_ >= text_.size() || at("\n")) {
                return fail_at(text_.substr(begin), unclosed(text_.substr(begin, at_ - begin)));
            }
        }
        ++at_;
        source = text_.substr(begin, at_ - begin);
        const auto decoded = nlohmann::json::parse(source, nullptr, /*allow_exceptions=*/false);
        if (!decoded.is_string()) {
            return fail_at(source,
                           "the string holds a control character, an unknown escape "
                           "sequence or bytes that are not UTF-8");
        }
        value = decoded.get_ref<const std::string&>();
        return true;
    }

    /// A quote of another kind may have been meant for the closing one.
    static std::string unclosed(std::string_view line) {
        std::string what = "the string has no closing quote on its line";
        for (std::size_t at = 1; at < line.size();) {
            const auto [value, bytes] = first_code_point(line.substr(at));
            if (value >= 0x80 && typed_for(value) == '"') {
                return what + ": " + name_of(value) + " is none, write \" instead";
            }
            at += std::max<std::size_t>(bytes, 1);
        }
        return what;
    }

    /// A number, true, false or null.
    bool read_word(JsonValue& value) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_word_byte(text_[at_])) ++at_;
        if (at_ == begin) return fail("expected a value");
        value.source = text_.substr(begin, at_ - begin);
        const auto word = nlohmann::json::parse(value.source, nullptr, /*allow_exceptions=*/false);
        if (word.is_discarded()) {
            return fail_at(value.source, shortened(value.source) +
                                             " is neither a number nor true, false or null; a "
                                             "string needs double quotes");
        }
        if (word.is_number()) value.kind = Kind::number;
        if (word.is_boolean()) value.kind = Kind::boolean;
        // What needs the unsigned type's last bit is beyond every key's range.
        if (word.is_number_integer() &&
            !(word.is_number_unsigned() && word.get<std::uint64_t>() > INT64_MAX)) {
            value.whole = word.get<std::int64_t>();
        }
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    TextProblem problem_;
};

}  // namespace

Result<JsonValue, TextProblem> parse_json_document(std::string_view text) {
    return Parser(text).parse();
}

std::string shortened(std::string_view text) {
    constexpr std::size_t kShownBytes = 40;
    if (text.size() <= kShownBytes) return std::string(text);
    std::size_t cut = kShownBytes - 3;  // the ellipsis has three bytes
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0U) == 0x80) --cut;
    return std::string(text.substr(0, cut)) + "…";
}

}  // namespace inout
