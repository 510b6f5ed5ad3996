// What is compressed in tests and benchmarks: lines as a web server logs them, and bytes of which
// nothing can be saved. The same each time.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace inout::texts {

inline std::string access_log(std::size_t bytes) {
    constexpr const char* kPaths[] = {"/",          "/index.html",    "/api/v1/orders",
                                      "/login",     "/static/app.js", "/static/style.css",
                                      "/api/v1/me", "/favicon.ico",   "/search?q=tunnel"};
    constexpr const char* kAgents[] = {
        "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/119.0.0.0 Safari/537.36",
        "curl/7.88.1"};
    std::minstd_rand random(7);
    const auto below = [&random](unsigned n) { return std::to_string(random() % n); };
    std::string log;
    unsigned second = 0;
    while (log.size() < bytes) {
        second += static_cast<unsigned>(random() % 3);
        log += "192.0." + below(4) + "." + below(256) +
               " - - [22/Nov/2026:" + std::to_string(10 + second / 3600 % 14) + ":" +
               std::to_string(10 + second / 60 % 50) + ":" + std::to_string(10 + second % 50) +
               " +0000] \"GET " + kPaths[random() % std::size(kPaths)] + " HTTP/1.1\" " +
               (random() % 9 == 0 ? "404 " : "200 ") + below(100'000) + " \"https://example.com" +
               kPaths[random() % std::size(kPaths)] + "\" \"" +
               kAgents[random() % std::size(kAgents)] + "\"\n";
    }
    log.resize(bytes);
    return log;
}

inline std::string noise(std::size_t bytes, unsigned seed = 1) {
    std::mt19937_64 random(seed);
    std::string text;
    text.reserve(bytes + 8);
    while (text.size() < bytes) {
        const std::uint64_t word = random();
        text.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
    text.resize(bytes);
    return text;
}

}  // namespace inout::texts
