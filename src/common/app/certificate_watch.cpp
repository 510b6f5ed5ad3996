#include "common/app/certificate_watch.hpp"

#include "common/base/limits.hpp"
#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/base/wall_clock.hpp"

namespace inout {

void CertificateWatch::warn() const {
    const std::int64_t now_s = unix_time_ms() / 1'000;
    std::size_t said = 0;
    for (const Validity& validity : watched_) {
        const auto warning = validity_warning(validity, now_s);
        if (!warning) continue;
        if (++said > kCertificateWarnings) return;
        log::warning("certificate",
                     {{"key", validity.key}, {"file", validity.file}, {"reason", *warning}});
    }
}

Task<> CertificateWatch::run(Executor executor, Milliseconds interval) const {
    Timer timer(executor);
    while (true) {
        timer.expires_after(pause(interval, random_unit()));
        const auto [error] = co_await timer.async_wait(use_result);
        if (error) co_return;  // the program ends
        warn();
    }
}

Milliseconds CertificateWatch::pause(Milliseconds interval, double random) {
    return std::chrono::duration_cast<Milliseconds>(interval * (0.9 + 0.2 * random));
}

}  // namespace inout
