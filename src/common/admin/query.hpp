// What stands in the query of a request (`a=1&b=2`), percent-decoded. Pure; any thread.
#pragma once

#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/base/result.hpp"

namespace inout::admin {

/// With its escapes (RFC 3986, 2.1) made bytes, whichever they are; a `+` is a plus. Nothing: one
/// of them is none.
std::optional<std::string> percent_decoded(std::string_view text);

/// Keys with their values.
class Query {
  public:
    /// The failure says what is wrong: an escape, a key that is not `known`, or that comes twice.
    static Result<Query, std::string> parse(std::string_view text,
                                            const std::vector<std::string_view>& known);

    /// Nothing: it does not stand there.
    const std::string* find(std::string_view key) const;
    /// The whole number of a key. False: it stands there with something else, or too large a
    /// one. Where it does not stand there, `number` stays what it is.
    template <class Unsigned>
    bool read(std::string_view key, Unsigned& number) const {
        const std::string* const value = find(key);
        if (value == nullptr) return true;
        const char* const end = value->data() + value->size();
        const auto [at, error] = std::from_chars(value->data(), end, number);
        return error == std::errc() && at == end;
    }
    /// The same for one that there is only if the query has it.
    template <class Unsigned>
    bool read(std::string_view key, std::optional<Unsigned>& number) const {
        return find(key) == nullptr || read(key, number.emplace());
    }

  private:
    std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace inout::admin
