// How the servers of NATS are reached. Values; pure; any thread reads them.
#pragma once

#include <string>
#include <vector>

namespace inout::cluster {

struct NatsOptions {
    std::vector<std::string> servers;  ///< URLs, all of nats:// or all of tls://
    std::string credentials{};         ///< a file (.creds); empty: none are shown
    std::string ca{}, cert{}, key{};   ///< files (PEM); empty: the system's CAs, no certificate
    std::string name{};                ///< what the servers call us in their logs
};

}  // namespace inout::cluster
