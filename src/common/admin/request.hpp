// RequestReader: reads one HTTP request, without a body, from bytes as they come.
//
// The one door to http-parser. What a stranger sends is bounded (kAdminRequestMaxBytes) and judged
// as it comes; what is wrong becomes the status of an answer. Pure: no I/O and no clock. One
// thread at a time, in the frame of a connection's session.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inout::admin {

/// Where a program shows a page, if it has one.
inline constexpr std::string_view kPagePath = "/";

struct Field {
    std::string name;  ///< in lower case
    std::string value;
};

struct Request {
    std::string method, target;
    bool is_1_0 = false;      ///< HTTP/1.0; else 1.1
    bool keep_alive = false;  ///< its sender wants to ask more
    bool has_body = false;    ///< which is not read
    std::vector<Field> fields;

    /// The value of the field of this name, in lower case; nothing: there is none, or more than
    /// one.
    std::optional<std::string_view> field(std::string_view name) const;
    std::size_t count(std::string_view name) const;
    /// The target without its query.
    std::string_view path() const;
    std::string_view query() const;
};

class RequestReader {
  public:
    RequestReader();
    RequestReader(const RequestReader&) = delete;
    RequestReader& operator=(const RequestReader&) = delete;
    ~RequestReader();

    /// Takes what belongs to the request: so many bytes. The rest is the next one's. Nothing once
    /// it is over.
    std::size_t feed(std::string_view bytes);
    /// The request is there whole, or is none that is answered.
    bool is_over() const;
    /// HTTP's status of what is wrong with it: 400, 414, 431, 501 or 505. 0: nothing.
    unsigned failure() const;
    const Request& request() const;

  private:
    struct Parser;
    const std::unique_ptr<Parser> parser_;
};

}  // namespace inout::admin
