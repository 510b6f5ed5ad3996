// The files that a configuration names: all of them are watched.
#include "common/config/files.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace inout::files_test {
namespace {

using Files = std::vector<std::string>;

Files sorted(Files files) {
    std::sort(files.begin(), files.end());
    return files;
}

TEST(FilesOf, a_configuration_without_any_are_none) {
    EXPECT_EQ(files_of(default_in_config()), Files{});
    EXPECT_EQ(files_of(default_out_config()), Files{});
    EXPECT_EQ(files_of(default_proxy_config()), Files{});
}

TEST(FilesOf, clients_are_those_at_the_top_and_of_each_network) {
    InConfig in = default_in_config();
    in.tls = TlsClientOptions{.ca = "ca", .cert = "cert", .key = "key"};
    in.auth = KeyOptions{"id", "secret"};
    in.networks.push_back(in.networks.front());
    in.networks.back().tls = TlsClientOptions{.ca = "other ca"};
    in.networks.back().auth = KeyOptions{"id", "other secret"};
    in.networks.back().e2e = E2eOptions{"e2e", "", KeyFormat::new_key};
    EXPECT_EQ(sorted(files_of(in)),
              (Files{"ca", "cert", "e2e", "key", "other ca", "other secret", "secret"}));
    OutConfig out = default_out_config();
    out.networks.front().e2e = E2eOptions{"new", "old", KeyFormat::any};
    EXPECT_EQ(sorted(files_of(out)), (Files{"new", "old"}));
}

TEST(FilesOf, the_proxy_are_its_certificate_the_ca_of_clients_and_all_secrets) {
    ProxyConfig proxy = default_proxy_config();
    proxy.tls = TlsServerOptions{.cert = "cert", .key = "key", .client_ca = "ca"};
    proxy.auth.emplace();
    for (const char* file : {"a", "b"}) {
        proxy.auth->keys.emplace_back();
        proxy.auth->keys.back().secret_file = file;
    }
    EXPECT_EQ(sorted(files_of(proxy)), (Files{"a", "b", "ca", "cert", "key"}));
}

TEST(FilesOf, a_configuration_are_watched_where_they_are_read) {
    InConfig in = default_in_config();
    in.tls = TlsClientOptions{.ca = "tls/ca", .cert = "/etc/cert", .key = "../key"};
    resolve_files(in, "/etc/inout/in.json");
    EXPECT_EQ(files_of(in), (Files{"/etc/inout/tls/ca", "/etc/cert", "/etc/inout/../key"}));
}

}  // namespace
}  // namespace inout::files_test
