// TicketKeys: the keys that encrypt a server's session tickets (RFC 8446, 4.6.1).
//
// A key is used for kTicketKeyLife and then accepted for as long once more; the next one is made
// when a ticket is. They exist in this process only. Thread-safe. Time is an argument.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <optional>
#include <span>

#include "common/base/limits.hpp"

namespace inout {

class TicketKeys {
  public:
    static constexpr std::size_t kNameBytes = 16;  // fixed by OpenSSL
    struct Key {
        std::array<unsigned char, kNameBytes> name{};
        std::array<unsigned char, 32> encryption{}, authentication{};
        Clock::time_point born;
    };

    /// For a new ticket.
    Key current(Clock::time_point now);
    /// Nothing: too old, or not ours.
    std::optional<Key> find(std::span<const unsigned char, kNameBytes> name, Clock::time_point now);

  private:
    std::mutex mutex_;
    std::optional<Key> current_, previous_;
};

}  // namespace inout
