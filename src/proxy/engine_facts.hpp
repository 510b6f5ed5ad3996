// What an engine tells of itself, as the admin listener shows it. Pure; any thread.
#pragma once

#include <string>

#include "common/admin/facts.hpp"
#include "common/cluster/engine.hpp"

namespace inout::proxy {

/// `name`: the cluster's.
inline admin::ClusterFact cluster_fact(const std::string& name,
                                       const cluster::Engine::Facts& facts) {
    return {.name = name,
            .up = facts.is_up,
            .server = facts.server,
            .since_ms = facts.since_ms,
            .found = facts.found,
            .no_topic = facts.absent,
            .no_directory = facts.cut_off,
            .questions = facts.lookups,
            .answers = facts.answers,
            .lost = facts.lost,
            .cached_topics = facts.cached_topics,
            .subscriptions = facts.subscriptions,
            .round_trip_us = facts.round_trip.count()};
}

}  // namespace inout::proxy
