#include "proxy/passed_on.hpp"

namespace inout::proxy {

std::unique_ptr<PassedOn::Place> PassedOn::take() {
    const std::lock_guard lock(mutex_);
    if (drains_ || lines_.size() >= most_) return nullptr;
    const auto line = lines_.emplace(lines_.end());
    try {
        return std::make_unique<Place>(*this, line);
    } catch (...) {
        lines_.erase(line);
        throw;
    }
}

void PassedOn::set_limit(std::size_t most) {
    const std::lock_guard lock(mutex_);
    most_ = most;
}

void PassedOn::drain() {
    const std::lock_guard lock(mutex_);
    drains_ = true;
    for (Line& line : lines_) {
        if (!line.record) continue;  // it ends when it would begin
        if (line.record->bytes_from(StreamLeg::service) > 0) {
            line.as_stream.emplace(counters().streams);
        } else {
            line.relays->reset(line.record, {.cause = StreamEnd::Cause::drain, .words = "drain"});
        }
    }
}

std::size_t PassedOn::size() {
    const std::lock_guard lock(mutex_);
    return lines_.size();
}

PassedOn::Place::~Place() {
    const std::lock_guard lock(all_.mutex_);
    all_.lines_.erase(line_);
}

bool PassedOn::Place::begin(RelaySet& relays, std::shared_ptr<StreamRecord> record) {
    const std::lock_guard lock(all_.mutex_);
    if (all_.drains_) return false;
    line_->relays = &relays;
    line_->record = std::move(record);
    return true;
}

}  // namespace inout::proxy
