#include "common/config/port_ranges.hpp"

#include <algorithm>
#include <utility>

namespace inout {

std::string topic_at(std::string topic, std::uint16_t port) {
    const std::string number = std::to_string(port);
    std::size_t at = 0;
    while ((at = topic.find(kPortPlace, at)) != std::string::npos) {
        topic.replace(at, kPortPlace.size(), number);
        at += number.size();
    }
    return topic;
}

std::shared_ptr<const InConfig> with_each_port(std::shared_ptr<const InConfig> config) {
    const auto has_range = [](const InNetwork& network) { return network.ports.has_value(); };
    const auto& written = config->networks;
    if (std::none_of(written.begin(), written.end(), has_range)) return config;
    auto made = std::make_shared<InConfig>(*config);
    made->networks.clear();
    for (std::size_t entry = 0; entry < written.size(); ++entry) {
        if (!written[entry].ports) {
            made->networks.push_back(written[entry]);
            made->networks.back().of_range = PortOfRange{entry, {}};
            continue;
        }
        const auto [first, last] = *written[entry].ports;
        for (unsigned port = first; port <= last; ++port) {
            InNetwork& each = made->networks.emplace_back(written[entry]);
            each.ports.reset();
            each.listen.port = static_cast<std::uint16_t>(port);
            each.topic = topic_at(written[entry].topic, each.listen.port);
            each.of_range = PortOfRange{entry, written[entry].topic};
        }
    }
    return made;
}

}  // namespace inout
