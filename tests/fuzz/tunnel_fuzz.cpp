// What a forward proxy answers, over HTTP and over SOCKS5: however it arrives, the same comes of
// it; never a byte more is taken than was there, nothing behind the answer that opens the way; and
// it comes to an end.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/wire/http_tunnel.hpp"
#include "common/wire/socks_client.hpp"
#include "demand.hpp"

namespace {

using namespace inout;

/// How it ends, and what is left of the bytes then.
struct End {
    ForwardStep step;
    std::string sent, failure;
    std::size_t left;

    bool operator==(const End&) const = default;
};

template <class Machine>
End talk(Machine machine, std::string_view bytes, std::size_t piece) {
    End end{ForwardStep::talk, {}, {}, 0};
    const std::size_t turns_max = 4 * bytes.size() + 16;
    std::size_t turns = 0;
    while (machine.step() == ForwardStep::talk || machine.step() == ForwardStep::redial) {
        demand(++turns <= turns_max);
        const std::string out = machine.output();
        end.sent += out;
        if (bytes.empty()) break;
        const std::string_view some = bytes.substr(0, piece);
        const std::size_t taken = machine.take(some);
        demand(taken <= some.size() && (taken > 0 || machine.step() != ForwardStep::talk));
        bytes.remove_prefix(taken);
    }
    if (bytes.empty() && machine.step() == ForwardStep::talk) {
        machine.ended("end");
        demand(machine.step() == ForwardStep::failed || machine.step() == ForwardStep::redial);
    }
    end.step = machine.step();
    end.failure = machine.failure();
    end.left = bytes.size();
    demand((end.step == ForwardStep::failed) == !end.failure.empty());
    demand(end.failure.size() < 2'000);
    for (const char c : end.failure) demand(static_cast<unsigned char>(c) >= 0x20);
    return end;
}

template <class Make>
void compare(Make make, std::string_view bytes) {
    const End whole = talk(make(), bytes, bytes.size() + 1);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}}) {
        const End other = talk(make(), bytes, piece);
        demand(other.step == whole.step && other.sent == whole.sent);
        demand(whole.step == ForwardStep::failed || other.left == whole.left);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = text_of(data, size);
    static const ForwardLogin known{"lena", Secret("secret")};
    static const HostPort relay{"relay.example.com", 40'001};
    for (const ForwardLogin* const login : {&known, static_cast<const ForwardLogin*>(nullptr)}) {
        compare([&] { return HttpTunnel(relay, login, "00"); }, bytes);
        compare([&] { return SocksClient(relay, login); }, bytes);
    }
    return 0;
}
