#include "common/app/manager_notes.hpp"

#include "common/os/service_manager.hpp"

namespace inout {

ManagerNotes::ManagerNotes(Workers& workers)
    : workers_(workers), is_heard_(has_service_manager()), is_watched_(is_watched_by_manager()) {}

void ManagerNotes::serves() const { tell_service_manager("READY=1"); }

void ManagerNotes::reloads() const {
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
    tell_service_manager("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
}

void ManagerNotes::stops() const { tell_service_manager("STOPPING=1"); }

void ManagerNotes::has_status(std::string text) {
    if (text == status_) return;
    tell_service_manager("STATUS=" + text);
    status_.swap(text);
}

void ManagerNotes::check_alive() {
    if (!is_watched_) return;
    if (alive_ && *alive_ < workers_.size()) return;
    if (alive_) tell_service_manager("WATCHDOG=1");
    alive_ = std::make_shared<std::atomic<std::size_t>>(0);
    workers_.for_each(
        [this](Worker& worker) { asio::post(worker.executor(), [alive = alive_] { ++*alive; }); });
}

}  // namespace inout
