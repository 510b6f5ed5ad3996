// Warns of certificates that have ended or soon will: at start, and once a day from then on.
//
// Owned by the daemon, main thread only.
#pragma once

#include <set>
#include <vector>

#include "common/base/limits.hpp"
#include "common/net/asio.hpp"
#include "common/rules/validity.hpp"

namespace inout {

class CertificateWatch {
  public:
    /// Watches these from now on, and no others.
    void set(const std::vector<Validity>& validities) {
        watched_ = {validities.begin(), validities.end()};
    }
    /// A line for each that a person must see to; at most kCertificateWarnings.
    void warn() const;
    /// For ever: warns again after each interval.
    Task<> run(Executor executor, Milliseconds interval = kCertificateCheck) const;

    /// Between two checks: the interval, a tenth more or less, so that a site's programs do
    /// not all speak at once. `random` is from 0 to 1.
    static Milliseconds pause(Milliseconds interval, double random);

  private:
    std::set<Validity> watched_;  // many networks may use one file
};

}  // namespace inout
