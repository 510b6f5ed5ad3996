#include <algorithm>
#include <map>
#include <set>

#include "out/service.hpp"

// What out tells of itself, to whoever asks: on any thread.
namespace inout::out {
namespace {

/// Whether there is more to tell of them than their names.
bool have_states(const Backends& backends) { return backends.size() > 1 || backends.health(); }

std::vector<admin::PlainRow> rows_of(Backends& backends) {
    std::vector<admin::PlainRow> rows;
    for (const auto& each : backends.shown(Clock::now())) {
        admin::PlainRow row{{"backend", each.backend->name},
                            {"state", std::string(to_string(each.state))},
                            {"streams", static_cast<std::int64_t>(each.backend->streams.load())},
                            {"weight", std::int64_t{each.weight}}};
        if (each.backup) row.emplace_back("backup", true);
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace

admin::Page OutService::topics(const admin::Cut& cut) {
    admin::Page page;
    const auto shown = shown_.get();
    for (std::size_t i = cut.after; shown && i < shown->size(); ++i) {
        if (page.rows.size() == cut.limit) {
            page.next = i;
            break;
        }
        const Network& network = *(*shown)[i].network;
        const int position = *(*shown)[i].position;
        const bool is_registered = position != ControlLink::kUnregistered;
        const char* const of_registered = position == 0 ? "holds" : "waits";
        admin::Row row{{"topic", network.config.topic},
                       {"backend", network.backends->text()},
                       {"server", to_string(network.config.server)},
                       {"state", std::string(is_registered ? of_registered : "unregistered")},
                       {"e2e", network.e2e != nullptr}};
        if (is_registered) row.emplace_back("position", std::int64_t{position});
        if (have_states(*network.backends))
            row.emplace_back("backends", rows_of(*network.backends));
        page.rows.push_back(std::move(row));
    }
    return page;
}

/// Those with states; at several servers a network has the same.
std::vector<std::shared_ptr<Backends>> OutService::backends_to_show() const {
    std::vector<std::shared_ptr<Backends>> all;
    std::set<const Backends*> seen;
    const auto shown = shown_.get();
    if (!shown) return all;
    for (const Shown& each : *shown) {
        const auto& backends = each.network->backends;
        if (have_states(*backends) && seen.insert(backends.get()).second) all.push_back(backends);
    }
    return all;
}

std::optional<std::string> OutService::not_ready() {
    for (const auto& backends : backends_to_show()) {
        if (backends->are_all_down())
            return "all backends of topic " + backends->topic() + " are down";
    }
    return std::nullopt;
}

/// The most important ones: those that are not up, then those with the most streams. Networks of
/// one topic at different proxies may have the same backend.
void OutService::add_facts(admin::Facts& facts) {
    std::map<std::pair<std::string_view, std::string_view>, admin::BackendFact> by_name;
    const auto all = backends_to_show();
    for (const auto& backends : all) {
        for (const auto& each : backends->shown(Clock::now())) {
            auto& fact = by_name[{backends->topic(), each.backend->name}];
            const bool worse = fact.state.empty() || each.state != Backends::State::up;
            if (worse) fact.state = to_string(each.state);
            fact.streams += each.backend->streams;
        }
    }
    for (auto& [name, fact] : by_name) {
        fact.topic = name.first;
        fact.backend = name.second;
        facts.backends.push_back(std::move(fact));
    }
    const auto is_more_important = [](const auto& a, const auto& b) {
        const bool a_up = a.state == "up", b_up = b.state == "up";
        return a_up != b_up ? b_up : a.streams > b.streams;
    };
    std::stable_sort(facts.backends.begin(), facts.backends.end(), is_more_important);
    facts.backends.resize(std::min(facts.backends.size(), kMetricsTopicsMax));
}

}  // namespace inout::out
