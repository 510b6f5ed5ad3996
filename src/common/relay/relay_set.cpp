#include <utility>

#include "common/relay/relay.hpp"

// What is asked of a RelaySet by other threads: done by its worker, as soon as that comes to it.
namespace inout {

void RelaySet::reset(const std::shared_ptr<StreamRecord>& stream, const StreamEnd& why) {
    asio::post(context_, [stream, why] { reset_here(*stream, why); });
}

void RelaySet::reset(StreamTable::Records streams, const StreamEnd& why) {
    if (streams.empty()) return;
    asio::post(context_, [this, streams = std::move(streams), why]() mutable {
        reset_some(std::move(streams), why);
    });
}

void RelaySet::reset_some(StreamTable::Records streams, const StreamEnd& why) {
    for (std::size_t i = 0; i < kResetsAtOnce && !streams.empty(); ++i) {
        const auto stream = std::move(streams.back());
        streams.pop_back();
        reset_here(*stream, why);
    }
    reset(std::move(streams), why);
}

void RelaySet::set_options(const RelayOptions& options) {
    asio::post(context_, [this, options] { options_ = options; });
}

}  // namespace inout
