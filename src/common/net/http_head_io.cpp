#include "common/net/http_head_io.hpp"

#include <algorithm>

#include "common/wire/http_fields.hpp"

namespace inout {

Task<Result<std::size_t, std::error_code>> read_http_head(Connection& connection) {
    constexpr std::size_t kEndBytes = 4;  // of the empty line, which may come in pieces
    std::size_t seen = 0;
    while (true) {
        const std::string_view unread = connection.unread();
        const std::size_t from = seen - std::min(seen, kEndBytes - 1);
        if (const auto size = http_head_size(unread.substr(from))) co_return from + *size;
        seen = unread.size();
        if (seen >= kHttpHeadMaxBytes) {
            co_return Failure{std::make_error_code(std::errc::message_size)};
        }
        // Room for as much again: a byte at a time would cost strangers nothing, and us a read, and
        // a copy of all, for each.
        const std::size_t room = std::min(2 * seen, kHttpHeadMaxBytes);
        const auto error = co_await connection.read_ahead(seen + 1, room);
        if (error) co_return Failure{error};
    }
}

}  // namespace inout
