// What the log of a reload says that differs.
#include "common/config/difference.hpp"

#include <gtest/gtest.h>

#include "common/config/types.hpp"

namespace inout::difference_test {
namespace {

using Keys = std::vector<std::string>;

/// What changes if `change` is done to the defaults.
template <class Config>
Keys changed(Config config, void (*change)(Config&)) {
    const std::string before = to_json(config);
    change(config);
    return changed_keys(before, to_json(config));
}

TEST(ChangedKeys, of_the_same_configuration_are_none) {
    EXPECT_EQ(changed_keys(to_json(default_proxy_config()), to_json(default_proxy_config())),
              Keys{});
}

TEST(ChangedKeys, are_paths_in_the_order_of_the_file) {
    EXPECT_EQ(changed<ProxyConfig>(default_proxy_config(),
                                   [](ProxyConfig& config) {
                                       config.limits.topics = 7;
                                       config.open_timeout = Milliseconds{8};
                                       config.limits.warm = 9;
                                       config.log.level = log::Level::debug;
                                   }),
              (Keys{"open_timeout", "limits.topics", "limits.warm", "log.level"}));
}

TEST(ChangedKeys, what_comes_or_goes_is_one_and_a_list_is_one_value) {
    const auto add_tls = [](InConfig& config) {
        config.tls = TlsClientOptions{.ca = "ca.pem"};
        config.networks.push_back(config.networks.front());
        config.networks.back().topic = "other";
    };
    EXPECT_EQ(changed<InConfig>(default_in_config(), add_tls), (Keys{"networks", "tls"}));
    InConfig with = default_in_config();
    with.tls = TlsClientOptions{.ca = "ca.pem"};
    EXPECT_EQ(changed_keys(to_json(with), to_json(default_in_config())), Keys{"tls"});
    EXPECT_EQ(changed<InConfig>(with, [](InConfig& config) { config.tls->ca = "new.pem"; }),
              Keys{"tls.ca"});
}

TEST(KeysForRestart, are_those_that_running_threads_and_sockets_have) {
    const Keys all = changed<OutConfig>(default_out_config(), [](OutConfig& config) {
        config.threads = 3;
        config.stream_buffer = 100'000;
        config.log = {log::Level::debug, log::Format::json};
        config.retry_interval = Milliseconds{5};
    });
    EXPECT_EQ(all.size(), 5U);
    EXPECT_EQ(keys_for_restart(all), (Keys{"stream_buffer", "threads", "log.format"}));
    EXPECT_EQ(keys_for_restart({"retry_interval", "log.level"}), Keys{});
}

}  // namespace
}  // namespace inout::difference_test
