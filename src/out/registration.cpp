#include "out/registration.hpp"

namespace inout {

std::shared_ptr<ParkedLink> Registration::add(const Executor& executor) {
    const std::lock_guard lock(mutex_);
    if (closed_ || draining || links_.size() >= kPoolHardMax) return nullptr;
    return links_.emplace_back(std::make_shared<ParkedLink>(executor));
}

void Registration::remove(const std::shared_ptr<ParkedLink>& link) {
    const std::lock_guard lock(mutex_);
    links_.remove(link);
}

void Registration::close_parked() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (const auto& link : links_) {
        asio::post(link->executor, [link] {
            if (link->connection != nullptr) link->connection->close();
        });
    }
}

}  // namespace inout
