#include "common/net/name_server.hpp"

#include <ares.h>

#include <cstring>
#include <new>

#include "common/base/host_port.hpp"
#include "common/base/log.hpp"
#include "common/os/file.hpp"

namespace inout {
namespace {

/// Differs when one of the files that c-ares reads has been changed or replaced.
std::string look_of_files() {
    std::string look;
    for (const char* file : {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"}) {
        look += stamp_of(file) + ';';
    }
    return look;
}

bool is_localhost(const std::string& host) {
    const std::string name = "." + canonical_host(host);
    return name.ends_with(".localhost");
}

/// The words for the log; c-ares' own for what is rare.
std::string words_for(int status) {
    switch (status) {
        case ARES_ENOTFOUND:
        case ARES_ENONAME: return "the name is not known";
        case ARES_ENODATA: return "the name has no address";
        case ARES_ESERVFAIL: return "the name server failed";
        case ARES_EREFUSED: return "the name server refuses to answer";
        case ARES_ETIMEOUT: return "the name server does not answer";
        case ARES_ECONNREFUSED: return "no name server can be reached";
        default: return ares_strerror(status);
    }
}

bool is_silence(int status) { return status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED; }

std::vector<asio::ip::address> addresses_of(const ares_addrinfo* result) {
    std::vector<asio::ip::address> addresses;
    const ares_addrinfo_node* node = result != nullptr ? result->nodes : nullptr;
    for (; node != nullptr && addresses.size() < kAddressesMax; node = node->ai_next) {
        Endpoint endpoint;
        if (static_cast<std::size_t>(node->ai_addrlen) > endpoint.capacity()) continue;
        std::memcpy(endpoint.data(), node->ai_addr, static_cast<std::size_t>(node->ai_addrlen));
        endpoint.resize(static_cast<std::size_t>(node->ai_addrlen));
        addresses.push_back(endpoint.address());
    }
    return addresses;
}

bool asks_servers(ares_channel channel) {
    ares_options options{};
    int mask = 0;
    if (ares_save_options(channel, &options, &mask) != ARES_SUCCESS) return true;
    const bool asks = options.lookups == nullptr || std::strchr(options.lookups, 'b') != nullptr;
    ares_destroy_options(&options);
    return asks;
}

}  // namespace

struct NameServer::Channel {
    ares_channel channel = nullptr;
    bool asks_servers = true;  ///< nsswitch.conf says "dns"

    Channel() = default;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    ~Channel() {
        if (channel != nullptr) ares_destroy(channel);
    }
};

struct NameServer::Question {
    NameServer* server;
    std::string host;
    std::function<void(const Lookup&)> done;
};

/// One of c-ares' sockets, which stays c-ares' own.
struct NameServer::Watch {
    explicit Watch(asio::io_context& context) : descriptor(context) {}
    Descriptor descriptor;
    bool wants_read = false, wants_write = false;
    bool reading = false, writing = false;  // a wait is pending
};

NameServer::NameServer(asio::io_context& context) : context_(context), timer_(context) {}

void NameServer::look_up(const std::string& host, std::function<void(const Lookup&)> done) {
    if (is_localhost(host)) {
        done({{asio::ip::address_v6::loopback(), asio::ip::address_v4::loopback()}, {}, false});
        return;
    }
    renew();
    ask(std::make_unique<Question>(Question{this, host, std::move(done)}));
    wait_for_timeout();
}

void NameServer::renew() {
    std::string files = look_of_files();
    if (channel_ && files == files_) return;
    channel_.reset();  // its questions are in interrupted_ now
    auto fresh = std::make_unique<Channel>();
    ares_options options{};
    options.timeout = static_cast<int>(kLookupTry.count());
    options.tries = kLookupTries;
    options.sock_state_cb_data = this;
    options.sock_state_cb = [](void* self, ares_socket_t fd, int wants_read, int wants_write) {
        // Nothing may be thrown through c-ares, which is C: what is lost has a deadline.
        try {
            static_cast<NameServer*>(self)->on_socket_state(fd, wants_read != 0, wants_write != 0);
        } catch (const std::bad_alloc&) {
            log::lose_line();
        }
    };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
#ifdef ARES_OPT_QUERY_CACHE
    mask |= ARES_OPT_QUERY_CACHE;  // of no entry: NameTable is the one
#endif
    if (const int status = ares_init_options(&fresh->channel, &options, mask);
        status != ARES_SUCCESS) {
        log::error("no name server", {{"reason", ares_strerror(status)}});
        fresh->channel = nullptr;
    }
    if (fresh->channel != nullptr) fresh->asks_servers = asks_servers(fresh->channel);
    channel_ = std::move(fresh);
    files_ = std::move(files);
    for (auto& question : std::exchange(interrupted_, {})) ask(std::move(question));
}

void NameServer::ask(std::unique_ptr<Question> question) {
    if (channel_->channel == nullptr) {
        files_.clear();  // tried again at the next look-up
        question->done({{}, "no name server can be asked", true});
        return;
    }
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    const std::string host = question->host;
    ares_getaddrinfo(
        channel_->channel, host.c_str(), nullptr, &hints,
        [](void* data, int status, int, ares_addrinfo* result) {
            std::unique_ptr<Question> answered(static_cast<Question*>(data));
            try {
                // c-ares 1.18 calls it so when it asked nobody.
                const Channel* const channel = answered->server->channel_.get();
                const bool alone = channel != nullptr && !channel->asks_servers;
                if (status == ARES_ECONNREFUSED && alone) status = ARES_ENOTFOUND;
                Lookup lookup{addresses_of(result), words_for(status), is_silence(status)};
                NameServer* const server = answered->server;
                server->on_answer(std::move(answered), status, std::move(lookup));
            } catch (const std::bad_alloc&) {
                log::lose_line();  // who waits for it has a deadline
            }
            if (result != nullptr) ares_freeaddrinfo(result);
        },
        question.release());
}

// c-ares 1.28 has a successor of ares_query, which Debian 12 lacks.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void NameServer::look_up_service(const std::string& name,
                                 std::function<void(const ServiceLookup&)> done) {
    renew();
    if (channel_->channel == nullptr) {
        files_.clear();  // tried again at the next look-up
        done({{}, "no name server can be asked"});
        return;
    }
    using Done = std::function<void(const ServiceLookup&)>;
    constexpr int kClassIn = 1, kTypeSrv = 33;
    auto asked = std::make_unique<Done>(std::move(done));
    ares_query(
        channel_->channel, name.c_str(), kClassIn, kTypeSrv,
        [](void* data, int status, int, unsigned char* bytes, int size) {
            const std::unique_ptr<Done> answered(static_cast<Done*>(data));
            try {
                ServiceLookup lookup{{}, words_for(status)};
                if (status == ARES_ENODATA) lookup.error = "the service is not offered";
                if (status == ARES_SUCCESS) {
                    lookup.error = "the answer makes no sense";
                    lookup.records = read_service_records({bytes, static_cast<std::size_t>(size)});
                }
                (*answered)(lookup);
            } catch (const std::bad_alloc&) {
                log::lose_line();  // who waits for it has a deadline
            }
        },
        asked.release());
    wait_for_timeout();
}
#pragma GCC diagnostic pop

void NameServer::on_answer(std::unique_ptr<Question> question, int status, Lookup lookup) {
    if (status == ARES_EDESTRUCTION) {
        interrupted_.push_back(std::move(question));
        return;
    }
    if (!lookup.addresses.empty()) lookup.error.clear();
    question->done(lookup);
}

void NameServer::on_socket_state(int fd, bool wants_read, bool wants_write) {
    auto& watch = watches_[fd];
    if (!wants_read && !wants_write) {
        const auto closed = std::exchange(watch, nullptr);
        watches_.erase(fd);
        if (!closed) return;
        closed->wants_read = closed->wants_write = false;
        closed->descriptor.release();  // c-ares closes it
        return;
    }
    if (!watch) {
        watch = std::make_shared<Watch>(context_);
        std::error_code error;
        // Without a watch its questions end with their time.
        watch->descriptor.assign(fd, error);
        if (error) {
            watches_.erase(fd);
            return;
        }
    }
    watch->wants_read = wants_read;
    watch->wants_write = wants_write;
    const auto held = watch;
    wait(held);
}

void NameServer::wait(const std::shared_ptr<Watch>& watch) {
    const int fd = watch->descriptor.native_handle();
    if (watch->wants_read && !std::exchange(watch->reading, true)) {
        watch->descriptor.async_wait(Descriptor::wait_read, [this, watch, fd](std::error_code) {
            watch->reading = false;
            if (!watch->wants_read) return;
            ares_process_fd(channel_->channel, fd, ARES_SOCKET_BAD);
            wait(watch);
            wait_for_timeout();
        });
    }
    if (watch->wants_write && !std::exchange(watch->writing, true)) {
        watch->descriptor.async_wait(Descriptor::wait_write, [this, watch, fd](std::error_code) {
            watch->writing = false;
            if (!watch->wants_write) return;
            ares_process_fd(channel_->channel, ARES_SOCKET_BAD, fd);
            wait(watch);
            wait_for_timeout();
        });
    }
}

void NameServer::wait_for_timeout() {
    timeval left{};
    if (channel_->channel == nullptr ||
        ares_timeout(channel_->channel, nullptr, &left) == nullptr) {
        timer_.cancel();
        return;
    }
    const auto microseconds =
        std::chrono::microseconds(left.tv_usec) + std::chrono::seconds(left.tv_sec);
    timer_.expires_after(std::chrono::ceil<Milliseconds>(microseconds));
    timer_.async_wait([this](std::error_code error) {
        if (error) return;
        ares_process_fd(channel_->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        wait_for_timeout();
    });
}

}  // namespace inout
