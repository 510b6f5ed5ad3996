// Whatever a configuration file holds, the three parsers return; and what they accept survives
// being written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/config/advice.hpp"
#include "common/config/types.hpp"
#include "demand.hpp"

namespace {

template <class Parse>
void check(Parse parse, std::string_view text) {
    inout::ConfigWarnings warnings;
    const auto config = parse(text, "fuzz.json", &warnings);
    for (const auto& line : warnings) demand(line.starts_with("fuzz.json:"));
    if (!config) {
        demand(!config.error().empty());
        for (const auto& line : config.error()) demand(line.starts_with("fuzz.json:"));
        return;
    }
    const auto again = parse(to_json(config.value()), "again.json", nullptr);
    demand(static_cast<bool>(again));
    demand(again.value() == config.value());
    demand(!access_summary(config.value()).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = text_of(data, size);
    check(inout::parse_in_config, text);
    check(inout::parse_out_config, text);
    check(inout::parse_proxy_config, text);
    return 0;
}
