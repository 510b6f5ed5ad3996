// What stands in the query of a request (`a=1&b=2`), percent-decoded. Pure; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
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

  private:
    std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace inout::admin
