#include "in/unheard.hpp"

namespace inout::in {

Unheard::Stay::Stay(Unheard& unheard, const ConnectionPtr& client)
    : unheard_(unheard), executor_(client->executor()), lent_(lend(client)), closable_(lent_) {
    const std::lock_guard lock(unheard_.mutex_);
    place_ = unheard_.stays_.insert(unheard_.stays_.end(), this);
}

Unheard::Stay::~Stay() {
    const std::lock_guard lock(unheard_.mutex_);
    if (!makes_room_) unheard_.stays_.erase(place_);
}

bool Unheard::Stay::has_made_room() const {
    // Until it is closed it may be heard, or end by itself.
    return makes_room_ && !lent_->is_open();
}

std::optional<Executor> Unheard::end_first() {
    const std::lock_guard lock(mutex_);
    if (stays_.empty()) return std::nullopt;
    Stay& first = *stays_.front();
    close_soon(first.executor_, first.closable_, CloseIf::always);
    stays_.pop_front();
    first.makes_room_ = true;
    return first.executor_;
}

}  // namespace inout::in
