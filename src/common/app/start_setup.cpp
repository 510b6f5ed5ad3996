#include <cerrno>
#include <filesystem>
#include <iostream>
#include <string>

#include "common/app/daemon.hpp"
#include "common/app/relay_setup.hpp"
#include "common/base/crypto.hpp"
#include "common/base/host_port.hpp"
#include "common/base/random.hpp"
#include "common/base/secret.hpp"
#include "common/base/utf8.hpp"
#include "common/config/files.hpp"
#include "common/config/join.hpp"
#include "common/config/new_site.hpp"
#include "common/config/types.hpp"
#include "common/os/file.hpp"
#include "common/os/new_files.hpp"
#include "common/os/saved_file.hpp"
#include "common/tls/pinned_key.hpp"
#include "common/tls/self_signed.hpp"

namespace inout {
namespace {

std::string one_text(const ConfigProblems& problems) {
    std::string text;
    for (const std::string& problem : problems) text += (text.empty() ? "" : "\n") + problem;
    return text;
}

constexpr const char* kRelayCertificateFile = "relay.crt";
constexpr const char* kRelayKeyFile = "relay.key";
constexpr const char* kService = "service";
constexpr const char* kClient = "client";

KeyEntry site_of_all_topics(const char* id, bool is_out) {
    KeyEntry site{id, std::string(id) + ".secret", {}};
    const auto all = TopicPattern::parse("#");
    (is_out ? site.permissions.out : site.permissions.in).push_back(*all);
    return site;
}

/// A site's secret for the relay, and its join file.
std::optional<std::string> write_site(NewFiles& files, const HostPort& server,
                                      const std::string& pin, const KeyEntry& site) {
    const Join join{server, pin, site.id, Secret(random_hex(kNewKeyDigits))};
    auto problem = files.write(site.secret_file, std::string(join.secret.bytes()) + "\n");
    if (!problem) problem = files.write(site.id + ".join", join_text(join));
    return problem;
}

/// The configuration last: where it is, all is.
std::optional<std::string> write_relay(NewFiles& files, const HostPort& server) {
    const auto own = make_self_signed(server.host);
    if (!own) return own.error();
    const NewRelay relay{server.port,
                         kRelayCertificateFile,
                         kRelayKeyFile,
                         {site_of_all_topics(kService, true), site_of_all_topics(kClient, false)}};
    auto problem = files.write(kRelayKeyFile, own->key);
    if (!problem) problem = files.write(kRelayCertificateFile, own->certificate);
    for (const KeyEntry& site : relay.sites) {
        if (!problem) problem = write_site(files, server, own->pin, site);
    }
    if (!problem) problem = files.write(kRelayConfigFile, config_text(relay));
    return problem;
}

/// What is wrong with how a folder is asked for; nothing if it may be begun.
std::optional<std::string> begin_folder(NewFiles& files, const std::string& folder) {
    const auto made = prepare_empty_folder(folder);
    if (made) {
        if (*made) files.take_folder();
        return std::nullopt;
    }
    std::string text = folder + ": " + made.error();
    if (FileAccess::of(files.path(kRelayKeyFile)) &&
        !FileAccess::of(files.path(kRelayConfigFile))) {
        text += "; an earlier --setup did not come to its end there: remove the folder first";
    } else if (FileAccess::of(files.path(kRelayConfigFile))) {
        text +=
            "; for one more site: proxy --add-site NAME --config " + files.path(kRelayConfigFile);
    } else {
        text += "; --setup takes a new folder, or an empty one";
    }
    return text;
}

void tell_what_is_next(const std::string& folder) {
    std::cout << folder << ": the relay is set up. What runs where:\n\n"
              << "  here     proxy --config " << folder << "/" << kRelayConfigFile << "\n"
              << "  service  out --join service.join --topic ssh --backend 127.0.0.1:22\n"
              << "  client   in --join client.join --topic ssh --bind 2201\n\n"
              << "Carry the two join files there over ssh (scp -p " << folder << "/" << kService
              << ".join SERVICE:) and remove them here. Whoever has one is that site.\n"
              << "out makes the end-to-end key, which never comes here, and says how in gets it.\n"
              << "Without all that, plain and open to everybody: proxy --bind 0.0.0.0:40001\n";
}

Result<HostPort, std::string> server_from_flags(const CommandLine& line, HostPort server) {
    if (!line.host.empty()) server.host = line.host;
    if (server.host.starts_with('[') && server.host.ends_with(']')) {
        server.host = server.host.substr(1, server.host.size() - 2);
    }
    if (const auto problem = check_host(server.host)) return Failure{"--host " + *problem};
    if (server.host.starts_with('_') || server.host.find('%') != std::string::npos) {
        return Failure{
            std::string("--host must be a name or an address by which the sites reach "
                        "the relay")};
    }
    if (line.port.empty() && server.port != 0) return server;
    const auto port = parse_host_port(line.port, AddressOf::backend);
    if (!port || line.port.find(':') != std::string::npos) {
        return Failure{std::string("--port must be a number from 1 to 65535")};
    }
    server.port = port->port;
    return server;
}

// --- one more site ---

Result<std::vector<TopicPattern>, std::string> patterns_of(const char* flag,
                                                           const std::vector<std::string>& texts) {
    std::vector<TopicPattern> patterns;
    for (const std::string& text : texts) {
        auto pattern = TopicPattern::parse(text);
        if (!pattern) {
            return Failure{std::string(flag) + " " + visible(text) + " " + pattern.error()};
        }
        patterns.push_back(std::move(*pattern));
    }
    return patterns;
}

Result<KeyEntry, std::string> site_from_flags(const CommandLine& line) {
    if (const auto problem = check_site_name(line.add_site)) {
        return Failure{visible(line.add_site) + ": a site's name " + *problem};
    }
    auto in = patterns_of("--in", line.site_in), out = patterns_of("--out", line.site_out);
    for (const auto* const patterns : {&in, &out}) {
        if (!*patterns) return Failure{patterns->error()};
    }
    return KeyEntry{line.add_site, line.add_site + ".secret", {std::move(*in), std::move(*out)}};
}

/// A proxy's configuration, its text, and where its sites reach it by which key.
struct RunningRelay {
    std::string file, folder, text;
    ProxyConfig config{};
    HostPort server{};
    std::string pin{};
};

Result<RunningRelay, std::string> relay_in(const std::filesystem::path& file,
                                           const CommandLine& line) {
    RunningRelay relay{file.string(), file.parent_path().string(), {}};
    auto text = detail::read_config_file(relay.file);
    if (!text) return Failure{one_text(text.error())};
    relay.text = std::move(*text);
    auto config = parse_proxy_config(relay.text, relay.file);
    if (!config) return Failure{one_text(config.error())};
    relay.config = std::move(*config);
    resolve_files(relay.config, relay.file);
    if (!relay.config.tls || relay.config.tls->mode == TlsMode::off) {
        return Failure{relay.file +
                       ": has no \"tls\", so there is no key by which a site could know "
                       "this relay: begin with proxy --setup"};
    }
    auto key = load_pinned_key(relay.config.tls->cert);
    if (!key) return Failure{key.error()};
    auto server = server_from_flags(line, {key->host, relay.config.listen.port});
    if (!server) return Failure{server.error()};
    relay.server = std::move(*server);
    relay.pin = std::move(key->pin);
    return relay;
}

/// What the configuration says with this site in it; the failure says why it can not be added.
Result<std::string, std::string> text_with(const RunningRelay& relay, const KeyEntry& site) {
    if (relay.config.auth) {
        for (const KeyEntry& key : relay.config.auth->keys) {
            if (key.id == site.id) return Failure{site.id + ": is a site of this relay already"};
        }
    }
    auto text = with_site(relay.text, site);
    if (!text) return Failure{relay.file + ": " + text.error()};
    const auto checked = parse_proxy_config(*text, relay.file);
    if (!checked) return Failure{one_text(checked.error())};
    return text;
}

/// The configuration last: a crash before it leaves a secret that nobody knows.
std::optional<std::string> write_added(const RunningRelay& relay, const KeyEntry& site,
                                       const std::string& text) {
    NewFiles files(relay.folder);
    const auto access = FileAccess::of(relay.file);
    if (!access) return relay.file + ": is gone";
    if (auto problem = write_site(files, relay.server, relay.pin, site)) {
        return *problem +
               " (a file that the configuration does not name is what is left of an "
               "earlier try: remove it)";
    }
    const std::string secret = files.path(site.secret_file);
    if (auto problem = access->give_to(secret, FileAudience::owner_only))
        return secret + ": " + *problem;
    if (auto problem = save_file(relay.file, text)) return relay.file + ": " + *problem;
    files.keep();
    if (auto problem = access->give_to(relay.file, FileAudience::everybody))
        return relay.file + ": " + *problem;
    return std::nullopt;
}

Result<std::string, std::string> add_site_by(const CommandLine& line) {
    const auto site = site_from_flags(line);
    if (!site) return Failure{site.error()};
    std::error_code error;
    // A link stays one: its target is what is changed.
    const auto file = std::filesystem::canonical(line.config_file, error);
    if (error) return Failure{line.config_file + ": can not be read: " + error.message()};
    // Who adds another one meanwhile would undo this one.
    const UniqueFd alone = lock_folder_of(file.string());
    if (!alone) {
        return Failure{file.parent_path().string() +
                       ": can not be locked: " + std::generic_category().message(errno)};
    }
    const auto relay = relay_in(file, line);
    if (!relay) return Failure{relay.error()};
    const auto text = text_with(*relay, *site);
    if (!text) return Failure{text.error()};
    if (const auto problem = write_added(*relay, *site, *text)) return Failure{*problem};
    return relay->folder + "/" + site->id + ".join";
}

}  // namespace

int set_up_relay(const CommandLine& line) {
    NewFiles files(line.setup);
    auto problem = crypto_problem();
    const auto server = server_from_flags(line, {"", default_proxy_config().listen.port});
    if (!server) problem = server.error();
    if (!problem) problem = begin_folder(files, line.setup);
    if (!problem) problem = write_relay(files, *server);
    if (problem) {
        std::cerr << "--setup: " << *problem << '\n';
        return server ? 1 : 2;
    }
    files.keep();
    tell_what_is_next(line.setup);
    return 0;
}

int add_site(const CommandLine& line) {
    auto added = Result<std::string, std::string>(Failure{std::string()});
    if (const auto problem = crypto_problem()) {
        added = Failure{*problem};
    } else {
        added = add_site_by(line);
    }
    if (!added) {
        std::cerr << "--add-site: " << added.error() << '\n';
        return 1;
    }
    std::cout
        << *added << ": for the new site. Carry it there over ssh (scp -p) and remove it here.\n"
        << "A proxy that runs lets the site in after a reload: systemctl reload inout-proxy, or "
           "kill -HUP.\n";
    return 0;
}

}  // namespace inout
