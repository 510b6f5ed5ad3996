#include "common/wire/http_challenge.hpp"

#include <algorithm>

#include "common/wire/http_text.hpp"

namespace inout {
namespace {

/// Walks a field from its beginning to its end.
class FieldWalk {
  public:
    explicit FieldWalk(std::string_view field) : left_(field) {}

    bool is_over() const { return left_.empty(); }
    void skip_blanks() {
        while (!left_.empty() && (left_[0] == ' ' || left_[0] == '\t')) left_.remove_prefix(1);
    }
    void skip_separators() {
        skip_blanks();
        while (skip(',')) skip_blanks();
    }
    bool skip(char c) {
        if (!left_.starts_with(c)) return false;
        left_.remove_prefix(1);
        return true;
    }
    std::string_view token() {
        std::size_t size = 0;
        while (size < left_.size() && is_token_character(left_[size])) ++size;
        const std::string_view found = left_.substr(0, size);
        left_.remove_prefix(size);
        return found;
    }
    /// The value of a parameter: a token, or a text in quotes. Nothing: it is neither.
    std::optional<std::string> value() {
        if (!skip('"')) {
            const std::string_view found = token();
            return found.empty() ? std::nullopt : std::optional(std::string(found));
        }
        std::string text;
        while (!left_.empty()) {
            if (skip('"')) return text;
            if (skip('\\') && left_.empty()) break;
            text += left_[0];
            left_.remove_prefix(1);
        }
        return std::nullopt;
    }
    /// Behind a scheme: a value without a name, as Negotiate has.
    void skip_token68() {
        std::size_t size = 0;
        while (size < left_.size() &&
               (is_alphanumeric(left_[size]) ||
                std::string_view("-._~+/").find(left_[size]) != std::string_view::npos)) {
            ++size;
        }
        if (size == 0) return;
        while (size < left_.size() && left_[size] == '=') ++size;
        FieldWalk behind(left_.substr(size));
        behind.skip_blanks();
        if (behind.is_over() || behind.left_[0] == ',') left_ = behind.left_;
    }

  private:
    std::string_view left_;
};

}  // namespace

std::optional<std::string_view> HttpChallenge::parameter(std::string_view name) const {
    std::optional<std::string_view> found;
    for (const auto& [key, value] : parameters) {
        if (key != name) continue;
        if (found) return std::nullopt;
        found = value;
    }
    return found;
}

std::vector<HttpChallenge> parse_challenges(std::string_view field) {
    std::vector<HttpChallenge> all;
    FieldWalk walk(field);
    while (true) {
        walk.skip_separators();
        if (walk.is_over()) return all;
        const std::string_view word = walk.token();
        if (word.empty()) break;
        walk.skip_blanks();
        if (!walk.skip('=')) {
            all.push_back({in_lower_case(word), {}});
            walk.skip_token68();
            continue;
        }
        walk.skip_blanks();
        auto value = walk.value();
        if (!value || all.empty()) break;
        all.back().parameters.emplace_back(in_lower_case(word), std::move(*value));
    }
    if (!all.empty()) all.pop_back();  // of which nobody knows the rest
    return all;
}

}  // namespace inout
