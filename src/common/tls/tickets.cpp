#include "common/tls/tickets.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>

namespace inout {
namespace {

TicketKeys::Key make_key(Clock::time_point now) {
    TicketKeys::Key key{.born = now};
    for (const std::span<unsigned char> part :
         {std::span<unsigned char>(key.name), std::span<unsigned char>(key.encryption),
          std::span<unsigned char>(key.authentication)}) {
        if (RAND_bytes(part.data(), static_cast<int>(part.size())) != 1) std::abort();
    }
    return key;
}

}  // namespace

TicketKeys::Key TicketKeys::current(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (!current_ || now - current_->born >= kTicketKeyLife) {
        previous_ = current_;
        current_ = make_key(now);
    }
    return *current_;
}

std::optional<TicketKeys::Key> TicketKeys::find(std::span<const unsigned char, kNameBytes> name,
                                                Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    for (const auto& key : {current_, previous_}) {
        const bool young = key && now - key->born < 2 * kTicketKeyLife;
        if (young && std::equal(name.begin(), name.end(), key->name.begin())) return key;
    }
    return std::nullopt;
}

}  // namespace inout
