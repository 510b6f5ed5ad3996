#include "common/app/process_facts.hpp"

#include <algorithm>
#include <iterator>

#include "common/app/daemon.hpp"
#include "common/base/log.hpp"
#include "common/base/wall_clock.hpp"
#include "common/config/types.hpp"
#include "common/os/descriptors.hpp"

namespace inout {

ProcessFacts::ProcessFacts(std::string program, Workers& workers, Service& service)
    : program_(std::move(program)),
      workers_(workers),
      service_(service),
      notes_(workers),
      started_ms_(unix_time_ms()) {}

void ProcessFacts::serves() {
    notes_.serves();
    tell_manager();
}

void ProcessFacts::drains_until(Clock::time_point end, bool replaced) {
    {
        const std::lock_guard lock(mutex_);
        drain_until_ = end;
    }
    if (!replaced) notes_.stops();
    tell_manager();
}

void ProcessFacts::reloaded(std::string how, bool failed) {
    bool serves = false;
    {
        const std::lock_guard lock(mutex_);
        last_reload_.swap(how);
        reload_failed_ = failed;
        serves = !drain_until_;
    }
    if (serves) notes_.serves();
    tell_manager();
}

void ProcessFacts::tell_manager() {
    if (!notes_.is_heard()) return;
    notes_.has_status(status());
    notes_.check_alive();
}

std::string ProcessFacts::status() const {
    const std::size_t count = counters().streams;
    const std::string streams = std::to_string(count) + (count == 1 ? " stream" : " streams");
    const auto hindrance = not_ready(false);
    const std::lock_guard lock(mutex_);
    if (drain_until_) return "draining, " + streams + " left";
    std::string text = hindrance ? "not ready: " + *hindrance : "ready";
    text += ", " + streams;
    if (reload_failed_) text += "; not reloaded, " + last_reload_;
    return text;
}

void ProcessFacts::has_certificates(std::vector<Validity> validities) {
    const std::lock_guard lock(mutex_);
    certificates_.swap(validities);
}

admin::Facts ProcessFacts::facts() {
    const auto now = Clock::now();
    admin::Facts facts{.program = program_,
                       .version = INOUT_VERSION,
                       .started_ms = started_ms_,
                       .uptime = std::chrono::duration_cast<Milliseconds>(now - started_),
                       .log_level = to_string(log::level()),
                       .open_descriptors = open_descriptors(),
                       .descriptor_limit = descriptor_limit()};
    {
        const std::lock_guard lock(mutex_);
        facts.draining = drain_until_.has_value();
        facts.drain_left = drain_left().value_or(Milliseconds{0});
        facts.last_reload = last_reload_;
        facts.reload_failed = reload_failed_;
        facts.certificates = certificates_;
    }
    facts.not_ready = not_ready(facts.draining);
    service_.add_facts(facts);
    return facts;
}

/// Under the lock.
std::optional<Milliseconds> ProcessFacts::drain_left() const {
    if (!drain_until_) return std::nullopt;
    const auto left = std::chrono::ceil<Milliseconds>(*drain_until_ - Clock::now());
    return std::max(left, Milliseconds{0});
}

void ProcessFacts::log(std::string_view event) const {
    std::vector<log::Field> fields;
    {
        const std::lock_guard lock(mutex_);
        const auto left = drain_left();
        fields = {{"draining", left ? "yes" : "no"},
                  {"drain_left_ms", left.value_or(Milliseconds{0}).count()},
                  {"last_reload", last_reload_}};
    }
    for (const auto& counted : admin::kCounted) {
        fields.emplace_back(counted.name, (counters().*counted.counter).load());
    }
    log::write(log::Level::info, event, fields.data(), fields.size());
}

std::optional<std::string> ProcessFacts::not_ready(bool draining) const {
    if (draining) return "draining";
    if (const std::size_t count = counters().topics_unregistered) {
        return std::to_string(count) + " of its topics are not registered";
    }
    return service_.not_ready();
}

StreamTable::Records ProcessFacts::streams() {
    StreamTable::Records all;
    workers_.for_each([&all](Worker& worker) {
        auto some = worker.streams().all();
        all.insert(all.end(), std::make_move_iterator(some.begin()),
                   std::make_move_iterator(some.end()));
    });
    return all;
}

RecentEnds::Ends ProcessFacts::recent_ends(const admin::CutBack& cut) {
    return inout::recent_ends().newest(cut.after, cut.before, cut.limit);
}

admin::Page ProcessFacts::topics(const admin::Cut& cut) { return service_.topics(cut); }

const admin::Document* ProcessFacts::document() { return service_.document(); }

}  // namespace inout
