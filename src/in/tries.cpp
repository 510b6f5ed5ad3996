#include "in/tries.hpp"

#include <algorithm>

namespace inout::in {
namespace {

/// The parts of connect_timeout: a dial gets no less, or a packet that was lost would look like a
/// proxy that is.
constexpr std::size_t kDialShares = 3;

}  // namespace

Milliseconds ServerTries::dial_timeout() const {
    const std::size_t servers = network_.servers->size();
    const std::size_t left = std::min(servers, kTriesMax) - std::min(failed_, kTriesMax - 1);
    return network_.all->connect_timeout /
           static_cast<int>(std::clamp(left, std::size_t{1}, kDialShares));
}

void ServerTries::keep(const Reason& failure) {
    if (first_server_) return;
    first_ = failure;
    first_server_ = places_.server;
}

bool ServerTries::again(const Reason& failure, const std::string& out) {
    if (count_ == kTriesMax) return false;
    keep(failure);
    ++count_;
    refusing_ += (refusing_.empty() ? "" : ",") + out;
    return true;
}

/// Where a proxy ends the next process of it may be there already.
bool ServerTries::next_process(const Reason& failure) {
    if (failure.code != Code::draining || count_ == kTriesMax) return false;
    keep(failure);
    ++count_;
    return true;
}

bool ServerTries::next(const Reason& failure) {
    if (!network_.servers->has_several()) return next_process(failure);
    if (failed_ == kTriesMax) return false;
    keep(failure);
    tried_[failed_++] = places_.server.get();
    while (failed_ < kTriesMax && count_ < kTriesMax) {
        auto server = network_.servers->choose(tried());
        if (!server) return false;
        auto descriptors = server->client_places();
        if (descriptors.count() == 0) {
            tried_[failed_++] = server.get();
            continue;
        }
        places_.descriptors = std::move(descriptors);
        places_.server = std::move(server);
        ++count_;
        return true;
    }
    return false;
}

}  // namespace inout::in
