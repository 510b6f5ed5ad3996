// A channel between two processes of one program, on which descriptors travel, each with a name
// (SCM_RIGHTS, unix(7)). Its calls wait, but no longer than they are told. Any thread, one at a
// time and direction.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/limits.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {

/// The two ends of a new one. Nothing, and errno.
struct ChannelEnds {
    UniqueFd here, there;
};
std::optional<ChannelEnds> make_channel();
/// Whether a descriptor that was given to us is an end of such a channel.
bool is_channel(int descriptor);

struct NamedDescriptor {
    std::string name;
    UniqueFd descriptor;  ///< nothing: a word without one
};
/// At most so many bytes are kept of a name.
inline constexpr std::size_t kChannelNameBytes = 1'024;

/// False: the other side takes nothing, or has gone. `name` is not empty; `descriptor` may be -1.
bool send_on_channel(int channel, std::string_view name, int descriptor, Milliseconds timeout);
/// Nothing: the other side has gone, or said nothing in time.
std::optional<NamedDescriptor> receive_on_channel(int channel, Milliseconds timeout);
/// The other side has gone, and has left no more words.
bool is_channel_over(int channel);
/// Who waits on this end is woken, and finds the other side gone.
void end_channel(int channel);

}  // namespace inout
