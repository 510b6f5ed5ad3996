#include "common/relay/stream_table.hpp"

#include <utility>

#include "common/base/log.hpp"
#include "common/relay/recent_ends.hpp"

namespace inout {
namespace {

std::int64_t milliseconds(Clock::duration time) {
    return std::chrono::duration_cast<Milliseconds>(time).count();
}

/// Who left, and programs that end, need nobody to do anything; all else does.
log::Level level_of(Code code) {
    switch (code) {
        case Code::client_gone:
        case Code::in_gone:
        case Code::proxy_gone:
        case Code::draining: return log::Level::info;
        default: return log::Level::warning;
    }
}

log::Field destination_field(const StreamRecord& record) {
    const auto& [kind, name] = record.destination();
    return name ? log::Field(kind, *name) : log::Field::none();
}
log::Field tries_field(const StreamRecord& record) {
    return record.tries() > 1 ? log::Field("tries", record.tries()) : log::Field::none();
}

log::Field hop_field(const StreamRecord& record, const char* name, std::string Hop::*what) {
    return record.hop() != nullptr ? log::Field(name, record.hop()->*what) : log::Field::none();
}

static_assert(decltype(Counters::failed)::size() >= kCodes);
static_assert(decltype(Counters::ended)::size() >= StreamEnd::kCauses);

}  // namespace

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

StreamEntry::StreamEntry(std::string topic, std::string owner, const Endpoint& owner_peer)
    : record_(std::make_shared<StreamRecord>(std::string(), std::move(topic), std::move(owner),
                                             owner_peer)) {}

void StreamEntry::leave() noexcept {
    const std::shared_ptr<StreamRecord> record = std::move(record_);
    if (!record) return;
    if (table_ != nullptr) table_->remove(*record);
    record->relay = nullptr;
}

void StreamEntry::has_ended(Clock::time_point opened, const StreamEnd& end) const try {
    const StreamRecord& record = *record_;
    const std::string_view word = to_string(end.cause);
    if (!is_stream()) {
        log::debug("passed on", {{"topic", record.topic},
                                 {"out", record.client},
                                 {"bytes_up", record.bytes_from(StreamLeg::client)},
                                 {"bytes_down", record.bytes_from(StreamLeg::service)},
                                 {"code", word},
                                 {"reason", to_string(end, client_side, service_side)}});
        return;
    }
    counters().ended[static_cast<std::size_t>(end.cause)].add();
    const std::string words = to_string(end, client_side, service_side);
    if (recent_ends().is_on()) {
        recent_ends().add({.stream = record_, .opened = opened, .reason = word, .detail = words});
    }
    // Who breaks the rules is worth a look; all else is as it may be.
    const bool broken =
        end.cause == StreamEnd::Cause::framing || end.cause == StreamEnd::Cause::compression;
    log::limited(broken ? log::Level::error : log::Level::info, log::Kind::stream, "stream",
                 record.topic,
                 {{"id", record.id},
                  {"topic", record.topic},
                  {"client", record.client},
                  {"bytes_up", record.bytes_from(StreamLeg::client)},
                  {"bytes_down", record.bytes_from(StreamLeg::service)},
                  wire ? log::Field("wire_up", wire->up) : log::Field::none(),
                  wire ? log::Field("wire_down", wire->down) : log::Field::none(),
                  {"open_ms", milliseconds(opened - record.arrived)},
                  {"duration_ms", milliseconds(Clock::now() - record.arrived)},
                  {"use", use},
                  destination_field(record),
                  tries_field(record),
                  hop_field(record, "via", &Hop::via),
                  hop_field(record, "origin", &Hop::origin),
                  {"code", word},
                  {"reason", words}});
} catch (const std::bad_alloc&) {
    log::lose_line();
}

void StreamEntry::has_failed(Code code, const std::string& detail, const std::string& asker) const {
    const StreamRecord& record = *record_;
    const std::string_view word = to_string(code);
    counters().failed_total.add();
    counters().failed[static_cast<std::size_t>(code)].add();
    if (recent_ends().is_on()) {
        recent_ends().add({.stream = record_, .reason = word, .detail = detail});
    }
    const bool unknown = code == Code::no_topic && !asker.empty();
    const std::string about = std::string(word) + " " + (unknown ? asker : record.topic);
    log::limited(level_of(code), log::Kind::failure, "open_failed", about,
                 {{"id", record.id},
                  {"topic", record.topic},
                  {"client", record.client},
                  destination_field(record),
                  tries_field(record),
                  hop_field(record, "via", &Hop::via),
                  hop_field(record, "origin", &Hop::origin),
                  {"code", word},
                  {"detail", detail}});
}

}  // namespace inout
