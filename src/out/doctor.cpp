#include "out/doctor.hpp"

#include "common/app/daemon.hpp"
#include "common/app/doctor.hpp"
#include "out/backend_question.hpp"
#include "out/exit_users.hpp"

namespace inout::out {
namespace {

/// Asks one backend, as a health check does.
Task<> check_backend(Executor executor, std::shared_ptr<Backends> backends, std::size_t index,
                     Findings& findings) {
    const auto& health = backends->health();
    const Milliseconds timeout = health ? health->timeout : kQuestionTime;
    const auto begun = Clock::now();
    Dialled any = [](const ConnectionPtr&) { return true; };
    auto asked = ask_backend(executor, backends, index, timeout, std::move(any));
    const auto failure = co_await std::move(asked);
    const auto took = std::chrono::duration_cast<Milliseconds>(Clock::now() - begun);
    const std::string& name = backends->at(index)->name;
    findings.push_back(
        {.topic = backends->topic(),
         .check = "backend",
         .state = failure ? Finding::State::wrong : Finding::State::ok,
         .found = failure ? name + ": " + failure->detail
                          : name + " answers after " + std::to_string(took.count()) + " ms",
         .advice =
             failure ? "see whether the service runs, and whether its address is right" : ""});
}

void add_backends(DoctorPlan& plan, const OutNetwork& network) {
    if (network.backend_template) {
        plan.note({.topic = network.topic,
                   .check = "backend",
                   .state = Finding::State::ok,
                   .found = "is made of each topic, and so not asked here"});
        return;
    }
    if (network.exit) {
        const auto users = load_users(network);
        plan.note({.topic = network.topic,
                   .check = "backend",
                   .state = users ? Finding::State::ok : Finding::State::wrong,
                   .found = users ? "is wherever each client asks for, and so not asked here"
                                  : users.error()});
        return;
    }
    const auto backends = std::make_shared<Backends>(network);
    for (std::size_t i = 0; i < backends->size(); ++i) {
        plan.add([backends, i](const Executor& executor, Findings& findings) {
            return check_backend(executor, backends, i, findings);
        });
    }
}

}  // namespace

int run_out_doctor(const std::shared_ptr<const OutConfig>& config, bool json) {
    DoctorPlan plan(config->connect_timeout);
    ProxyLinks proxy_links;
    const ConfigProblems problems = load_networks(
        *config, TlsSide::server, proxy_links,
        [&plan](const OutNetwork& network, const std::vector<std::shared_ptr<const ProxyLink>>& all,
                const std::shared_ptr<const TlsPsk>&) {
            for (const auto& proxy_link : all) {
                plan.ask(proxy_link,
                         {.topic = network.topic, .serves = true, .pattern = network.pattern});
            }
            add_backends(plan, network);
        });
    if (!problems.empty()) return detail::report(problems);
    plan.look_at(proxy_links.validities());
    return run_doctor("out", *config, json, std::move(plan));
}

}  // namespace inout::out
