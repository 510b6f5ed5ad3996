// What a service manager is told of the process (sd_notify(3)). Main thread.
#pragma once

#include <string_view>

namespace inout {

/// One or more lines like "READY=1". Without a service manager nothing happens, and if it does not
/// listen, nothing either.
void tell_service_manager(std::string_view state);
bool has_service_manager();
/// Whether it wants to hear that this process is alive (sd_watchdog_enabled(3)).
bool is_watched_by_manager();

}  // namespace inout
