// A hostile TLS peer: shakes hands, then sends records without content for as long as they are
// taken.
//
//   key_updates connect PORT CONNECTIONS UPDATES [CERT KEY]   a crowd of clients
//   key_updates listen UPDATES CERT KEY                       a server; prints its port
//
// Each update asks for one of the other side (RFC 8446, 4.6.3). The clients hold all connections at
// once, flood when every handshake is done, and print how many were ended by the other side within
// 20 s; the server floods who comes, prints "ended" for each that left, and runs until it is ended.
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

struct Peer {
    explicit Peer(SSL_CTX* context, int socket) : fd(socket), ssl(SSL_new(context), &SSL_free) {
        SSL_set_fd(ssl.get(), fd);
        // Whoever never reads must be ended as well: do not wait for its answers.
        const timeval patience{5, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    ~Peer() { ::close(fd); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    int fd;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl;
};

/// So many updates as bytes for the socket: an attacker has made them before.
std::string make_flood(Peer& peer, long updates) {
    SSL_set0_wbio(peer.ssl.get(), BIO_new(BIO_s_mem()));
    for (long i = 0; i < updates; ++i) {
        SSL_key_update(peer.ssl.get(), SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(peer.ssl.get());
    }
    char* data = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(peer.ssl.get()), &data);
    return {data, static_cast<std::size_t>(size)};
}

/// As fast as it is taken; stops when the other side has ended.
void send_all(const Peer& peer, std::string_view data) {
    while (!data.empty()) {
        const ssize_t n = ::send(peer.fd, data.data(), data.size(), 0);
        if (n <= 0) return;
        data.remove_prefix(static_cast<std::size_t>(n));
    }
}

bool has_ended(const Peer& peer) {
    char nothing[4'096];
    while (true) {
        const ssize_t n = ::recv(peer.fd, nothing, sizeof nothing, MSG_DONTWAIT);
        if (n > 0) continue;
        return n == 0 || (errno != EAGAIN && errno != EINTR);
    }
}

void use_certificate(SSL_CTX* context, const char* cert, const char* key) {
    const bool used = SSL_CTX_use_certificate_chain_file(context, cert) == 1 &&
                      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1;
    if (!used) std::exit(2);
}

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int be_clients(SSL_CTX* context, int port, int connections, long updates) {
    const sockaddr_in address = loopback(port);
    std::vector<std::unique_ptr<Peer>> peers;
    std::vector<std::string> floods;
    for (int i = 0; i < connections; ++i) {
        auto peer = std::make_unique<Peer>(context, ::socket(AF_INET, SOCK_STREAM, 0));
        const auto* to = reinterpret_cast<const sockaddr*>(&address);
        if (::connect(peer->fd, to, sizeof address) != 0) return 2;
        if (SSL_connect(peer->ssl.get()) != 1) return 2;
        floods.push_back(make_flood(*peer, updates));
        peers.push_back(std::move(peer));
    }
    for (std::size_t i = 0; i < peers.size(); ++i) send_all(*peers[i], floods[i]);
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::seconds(20);
    std::size_t ended = 0;
    while (true) {
        std::erase_if(peers, [&](const auto& peer) { return has_ended(*peer) && ++ended > 0; });
        if (peers.empty() || Clock::now() > end) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    std::printf("%zu\n", ended);
    return 0;
}

int be_a_server(SSL_CTX* context, long updates) {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* const at = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener, at, size) != 0 || ::listen(listener, 128) != 0) return 2;
    ::getsockname(listener, at, &size);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    while (true) {
        const int fd = ::accept(listener, nullptr, nullptr);
        if (fd < 0) continue;
        std::thread([context, fd, updates] {
            Peer peer(context, fd);
            if (SSL_accept(peer.ssl.get()) != 1) return;
            send_all(peer, make_flood(peer, updates));
            while (!has_ended(peer)) ::poll(nullptr, 0, 10);
            std::printf("ended\n");
            std::fflush(stdout);
        }).detach();
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    const std::string_view mode = argc > 1 ? argv[1] : "";
    if (mode == "connect" && (argc == 5 || argc == 7)) {
        const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
            SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
        if (argc == 7) use_certificate(context.get(), argv[5], argv[6]);
        return be_clients(context.get(), std::atoi(argv[2]), std::atoi(argv[3]),
                          std::atol(argv[4]));
    }
    if (mode == "listen" && argc == 5) {
        SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
        use_certificate(context, argv[3], argv[4]);
        return be_a_server(context, std::atol(argv[2]));
    }
    std::fprintf(stderr, "see the head of key_updates.cpp\n");
    return 2;
}
