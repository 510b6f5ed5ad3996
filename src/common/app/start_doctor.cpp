// How a doctor runs as a process of its own: its worker, and what it prints.
#include <iostream>

#include "common/app/daemon.hpp"
#include "common/app/doctor.hpp"

namespace inout {

int run_doctor(const std::string& program, const CommonConfig& config, bool json, DoctorPlan plan) {
    const detail::FlushAtEnd flush_at_end;
    // Never destroyed, as the daemons' are not: what has run out of its time may still wait.
    static auto* const workers = new Workers(1, detail::relay_options(config));
    const Findings findings = plan.run(*workers);
    std::cout << (json ? json_of(program, findings) : table_of(findings)) << std::flush;
    return is_well(findings) && std::cout ? 0 : 1;
}

}  // namespace inout
