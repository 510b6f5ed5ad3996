// Two TLS sessions over one loopback connection, and certificates to make them with.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "calls_layer.hpp"
#include "common/tls/client.hpp"
#include "common/tls/psk.hpp"
#include "common/tls/server.hpp"
#include "loopback.hpp"

namespace inout {

/// What a certificate says.
struct CertificateText {
    std::string common_name{};
    std::vector<std::pair<int, std::string>> names{};  ///< GEN_DNS, GEN_EMAIL, GEN_URI, GEN_IPADD
    long valid_for_s = 3'600;                          ///< from now; negative: it has expired
};

/// A key and its certificate, in files that vanish with it. Its own issuer unless there is another.
class Certificate {
  public:
    explicit Certificate(const CertificateText& text, const Certificate* issuer = nullptr)
        : key_(EVP_EC_gen("P-256"), &EVP_PKEY_free), x509_(X509_new(), &X509_free) {
        static int serial = 0;
        X509_set_version(x509_.get(), X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x509_.get()), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(x509_.get()), -7'200);
        X509_gmtime_adj(X509_getm_notAfter(x509_.get()), text.valid_for_s);
        X509_set_pubkey(x509_.get(), key_.get());
        X509_NAME* const subject = X509_get_subject_name(x509_.get());
        add_to(subject, "O", "test " + std::to_string(serial));
        if (!text.common_name.empty()) add_to(subject, "CN", text.common_name);
        const Certificate& by = issuer != nullptr ? *issuer : *this;
        X509_set_issuer_name(x509_.get(), X509_get_subject_name(by.x509_.get()));
        if (issuer == nullptr) may_sign_others();
        if (!text.names.empty()) add_alternatives(text.names);
        EXPECT_GT(X509_sign(x509_.get(), by.key_.get(), EVP_sha256()), 0);
        write_files();
    }
    ~Certificate() { std::filesystem::remove_all(folder_); }
    Certificate(const Certificate&) = delete;
    Certificate& operator=(const Certificate&) = delete;

    std::string cert() const { return folder_ + "/cert"; }
    std::string key() const { return folder_ + "/key"; }
    X509* x509() const { return x509_.get(); }

  private:
    static void add_to(X509_NAME* name, const char* field, const std::string& value) {
        X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()),
                                   static_cast<int>(value.size()), -1, 0);
    }

    void may_sign_others() {
        X509_EXTENSION* const extension =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(x509_.get(), extension, -1);
        X509_EXTENSION_free(extension);
    }

    void add_alternatives(const std::vector<std::pair<int, std::string>>& names) {
        GENERAL_NAMES* const all = sk_GENERAL_NAME_new_null();
        for (const auto& [type, value] : names) {
            GENERAL_NAME* const name = GENERAL_NAME_new();
            ASN1_STRING* const text =
                ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
            ASN1_STRING_set(text, value.data(), static_cast<int>(value.size()));
            GENERAL_NAME_set0_value(name, type, text);
            sk_GENERAL_NAME_push(all, name);
        }
        EXPECT_EQ(X509_add1_ext_i2d(x509_.get(), NID_subject_alt_name, all, 0, 0), 1);
        GENERAL_NAMES_free(all);
    }

    void write_files() {
        std::string name = testing::TempDir() + "tlsXXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        const auto write = [](const std::string& path, const auto& put) {
            BIO* const file = BIO_new_file(path.c_str(), "w");
            EXPECT_EQ(put(file), 1);
            BIO_free(file);
            ::chmod(path.c_str(), S_IRUSR | S_IWUSR);
        };
        write(cert(), [this](BIO* file) { return PEM_write_bio_X509(file, x509_.get()); });
        write(key(), [this](BIO* file) {
            return PEM_write_bio_PrivateKey(file, key_.get(), nullptr, nullptr, 0, nullptr,
                                            nullptr);
        });
    }

    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
    std::unique_ptr<X509, decltype(&X509_free)> x509_;
    std::string folder_;
};

/// One side's context, which a test that gets none can not go on without.
template <class T>
std::unique_ptr<T> must(Result<std::unique_ptr<T>, std::string> made) {
    if (!made) throw std::runtime_error(made.error());
    return std::move(*made);
}

/// One that shares nothing with others.
inline auto make_client(const TlsClientOptions& options, const std::string& host) {
    TrustStores trusts;
    return TlsClient::make(options, host, trusts);
}

/// Both sides of a pre-shared key.
inline const TlsPsk& psk(TlsSide side) {
    static const std::vector<Secret> keys{Secret("a key that is shared")};
    static const TlsPsk client(TlsSide::client, keys, "topic");
    static const TlsPsk server(TlsSide::server, keys, "topic");
    return side == TlsSide::client ? client : server;
}

/// Both handshakes as far as they go. True: both are done.
inline bool shake_hands(TlsSession& client, TlsSession& server) {
    using enum TlsSession::Handshake;
    auto c = wait, s = wait;
    return soon([&] {
               if (c == wait) c = client.handshake();
               if (s == wait) s = server.handshake();
               return (c != wait && s != wait) || c == failed || s == failed;
           }) &&
           c == done && s == done;
}

/// A session over a socket.
class SocketSession : public TlsSession {
  public:
    SocketSession(SslPtr ssl, int fd, SocketCalls& calls = SocketCalls::system())
        : TlsSession(std::move(ssl)), layer_(fd, calls) {
        attach(layer_);
    }

  private:
    CallsLayer layer_;
};

/// Sessions at both ends of a loopback connection. The raw pointers are for what only tests do.
struct TlsPair {
    explicit TlsPair(SslPtr client_ssl = psk(TlsSide::client).session(),
                     SslPtr server_ssl = psk(TlsSide::server).session(),
                     SocketCalls& client_calls = SocketCalls::system(),
                     SocketCalls& server_calls = SocketCalls::system())
        : client_raw(client_ssl.get()),
          server_raw(server_ssl.get()),
          client(
              std::make_unique<SocketSession>(std::move(client_ssl), wire.a.get(), client_calls)),
          server(
              std::make_unique<SocketSession>(std::move(server_ssl), wire.b.get(), server_calls)) {
        for (const int fd : {wire.a.get(), wire.b.get()}) set_connection_options(fd);
    }

    bool shake() { return shake_hands(*client, *server); }

    TcpPair wire;  // a: the client's end, b: the server's
    ssl_st *client_raw, *server_raw;
    std::unique_ptr<TlsSession> client, server;
};

/// What a session gave: bytes, then an end, an error, or nothing within our patience.
struct Received {
    std::string bytes;
    End end = End::none;  ///< rst: any error
};
/// Reads up to `size` bytes, or to the end.
inline Received receive(TlsSession& session, std::size_t size = std::string::npos) {
    Received received;
    std::array<char, 20'000> buffer;
    soon([&] {
        const std::size_t wanted = std::min(buffer.size(), size - received.bytes.size());
        const ssize_t n = session.read({buffer.data(), wanted});
        if (n > 0) received.bytes.append(buffer.data(), static_cast<std::size_t>(n));
        if (n == 0) received.end = End::fin;
        if (n < 0 && errno != EAGAIN) received.end = End::rst;
        return received.end != End::none || received.bytes.size() == size;
    });
    return received;
}

/// All of `data`, as the peer makes room.
inline bool send_all(TlsSession& session, std::string_view data) {
    return soon([&] {
               while (!data.empty()) {
                   const ssize_t n = session.write(data);
                   if (n < 0) return errno != EAGAIN;
                   data.remove_prefix(static_cast<std::size_t>(n));
               }
               return true;
           }) &&
           data.empty();
}

inline std::string some_bytes(std::size_t size, unsigned seed = 1) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>((seed = seed * 1'103'515'245U + 12'345U) >> 16U);
    return bytes;
}

/// `bytes` in TLS records of one byte each, the least that a sender can bring in one; all of them
/// have arrived in the kernel of `receiver`.
inline bool send_byte_by_byte(TlsSession& sender, std::string_view bytes, int receiver) {
    constexpr std::size_t kWireBytes = kTlsRecordOverhead + 1;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (!send_all(sender, std::string(bytes.substr(i, 1)))) return false;
    }
    return eventually([&] {
        int there = 0;
        return ::ioctl(receiver, FIONREAD, &there) == 0 &&
               static_cast<std::size_t>(there) >= bytes.size() * kWireBytes;
    });
}

/// Counts the turns that others have on an event loop, for as long as `more()`.
struct Others {
    Others(asio::io_context& c, std::function<bool()> m) : context(c), more(std::move(m)) {
        asio::post(context, [this] { turn(); });
    }
    void turn() {
        ++turns;
        if (more()) asio::post(context, [this] { turn(); });
    }
    asio::io_context& context;
    const std::function<bool()> more;
    std::size_t turns = 0;
};

}  // namespace inout
