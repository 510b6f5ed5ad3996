#include "common/app/status.hpp"

#include <algorithm>

#include "common/base/counters.hpp"
#include "common/base/log.hpp"

namespace inout {

void Status::log(std::string_view event) const {
    const Counters& c = counters();
    const auto left = std::chrono::ceil<Milliseconds>(drain_until - Clock::now()).count();
    log::info(event, {{"draining", draining ? "yes" : "no"},
                      {"drain_left_ms", draining ? std::max<Milliseconds::rep>(left, 0) : 0},
                      {"streams", c.streams.load()},
                      {"opening", c.opening.load()},
                      {"sockets", c.sockets.load()},
                      {"pipes", c.pipes.load()},
                      {"parked", c.parked.load()},
                      {"warm", c.warm.load()},
                      {"controls", c.controls.load()},
                      {"topics", c.topics.load()},
                      {"topics_held", c.topics_held.load()},
                      {"topics_waiting", c.topics_waiting.load()},
                      {"topics_unregistered", c.topics_unregistered.load()},
                      {"tasks", c.tasks.load()},
                      {"streams_total", c.streams_total.load()},
                      {"failed_total", c.failed_total.load()},
                      {"refused_total", c.refused_total.load()},
                      {"denied_total", c.denied_total.load()},
                      {"evicted_total", c.evicted_total.load()},
                      {"monitors_total", c.monitors_total.load()},
                      {"framing_errors_total", c.framing_errors_total.load()},
                      {"reloads_total", c.reloads_total.load()},
                      {"reloads_failed_total", c.reloads_failed_total.load()},
                      {"last_reload", last_reload},
                      {"lines_held", c.lines_held.load()},
                      {"lines_lost", c.lines_lost.load()}});
}

}  // namespace inout
