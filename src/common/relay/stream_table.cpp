#include "common/relay/stream_table.hpp"

#include <utility>

#include "common/base/log.hpp"

namespace inout {

void StreamTable::add(StreamRecord& record) noexcept {
    const std::lock_guard lock(mutex_);
    record.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &record;
    first_ = &record;
    ++size_;
}

void StreamTable::remove(StreamRecord& record) noexcept {
    const std::lock_guard lock(mutex_);
    (record.previous_ != nullptr ? record.previous_->next_ : first_) = record.next_;
    if (record.next_ != nullptr) record.next_->previous_ = record.previous_;
    --size_;
}

StreamTable::Records StreamTable::matching(std::optional<std::string_view> id) const {
    Records found;
    const std::lock_guard lock(mutex_);
    if (!id) found.reserve(size_);
    for (StreamRecord* each = first_; each != nullptr; each = each->next_) {
        if (!id || each->id == *id) found.push_back(each->shared_from_this());
    }
    return found;
}

StreamEntry::StreamEntry(StreamTable& table, std::string id, std::string topic, std::string client,
                         const Endpoint& client_peer)
    : table_(&table),
      record_(std::make_shared<StreamRecord>(std::move(id), std::move(topic), std::move(client),
                                             client_peer)) {
    table_->add(*record_);
}

void StreamEntry::leave() noexcept {
    const std::shared_ptr<StreamRecord> record = std::move(record_);
    if (!record) return;
    table_->remove(*record);
    record->relay = nullptr;
}

void StreamEntry::log_end(Clock::time_point opened, const StreamEnd& end) const {
    const auto milliseconds = [](Clock::duration d) {
        return std::chrono::duration_cast<Milliseconds>(d).count();
    };
    const StreamRecord& record = *record_;
    // Who breaks the rules is worth a look; all else is as it may be.
    const bool broken = end.cause == StreamEnd::Cause::framing;
    log::limited(broken ? log::Level::error : log::Level::info, log::Kind::stream, "stream",
                 record.topic,
                 {{"id", record.id},
                  {"topic", record.topic},
                  {"client", record.client},
                  {"bytes_up", record.bytes_from(StreamLeg::client)},
                  {"bytes_down", record.bytes_from(StreamLeg::service)},
                  {"open_ms", milliseconds(opened - record.arrived)},
                  {"duration_ms", milliseconds(Clock::now() - record.arrived)},
                  {"use", use},
                  {"reason", to_string(end, client_side, service_side)}});
}

}  // namespace inout
