// TrustStores: the certificates that a configuration trusts, read once for all that name the same.
//
// The system's store takes 860 kB and 16 ms, and hundreds of networks may need it. Made for one
// loading of a configuration, by one thread; the stores in it are OpenSSL's and locked by it,
// so that sessions on any thread use them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.hpp"
#include "common/rules/validity.hpp"

struct x509_store_st;

namespace inout {

class TrustStores {
  public:
    struct Trust {
        std::shared_ptr<x509_store_st> store;
        std::optional<Validity> validity{};  ///< of the system's: nothing
    };
    /// Those of the file `ca`; empty: the system's. The failure names the file and what is wrong.
    Result<Trust, std::string> get(const std::string& ca);

  private:
    std::map<std::string, Trust> trusts_;
};

}  // namespace inout
