// What a program is told to do over HTTP: POST requests, each with its parameters in the query
// (docs/operations.md, "Actions"). Any thread, as whoever does it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/admin/answer.hpp"
#include "common/admin/request.hpp"

namespace inout::admin {

/// Whoever does it. Nothing here waits for another thread: what is begun goes on behind the answer.
class Doer {
  public:
    virtual ~Doer() = default;

    /// Resets every stream with this id or, with a `number`, the one of them that has it. How many.
    virtual std::size_t kick_streams(std::string_view id, std::optional<std::uint64_t> number) = 0;
    struct Kicked {
        std::size_t registrations = 0, streams = 0;
    };
    /// Ends what registers this topic and, unless they are kept, resets its streams. Nothing: that
    /// would do nothing here, because this program registers none.
    virtual std::optional<Kicked> kick_topic(const std::string& topic, bool keep_streams) = 0;
    /// False: it drains already.
    virtual bool drain() = 0;
    /// Reads the configuration again. False: it drains.
    virtual bool reload() = 0;
};

/// Whether there is an action at this path, whatever the method.
bool is_action_path(std::string_view path);
/// Whether it asks for one, and so needs the token.
bool is_action(const Request& request);
/// Whether that one takes a look at all streams.
bool is_kick(const Request& request);

/// Does it and says so in the log. `from`: who asks. To a request that may be answered, and
/// is_action().
Answer act(const Request& request, Doer& doer, std::string_view from);

}  // namespace inout::admin
