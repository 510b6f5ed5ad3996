// load: puts load on a relay, and is the backend behind it. One thread, raw epoll.
#include <cstdio>
#include <map>

#include "load/commands.hpp"
#include "load/echo_client.hpp"

namespace inout::bench {
namespace {

constexpr const char* kUsage =
    R"(load serve [HOST:]PORT                 the backend, until SIGTERM; port 0: any, see stdout
load bulk HOST:PORT --connections N --seconds S --direction up|down|both
load pingpong HOST:PORT --connections N --size BYTES --seconds S
load opens HOST:PORT --at-once N --seconds S --end fin|rst
load idle HOST:PORT --connections N    until the end of stdin
load burst HOST:PORT --at-once N --rounds R --pause-ms P
load answers HOST:PORT --rounds R --pause-ms P

A connection's first byte tells the backend: E echo, D discard and count, G generate, B both, A
answer with 100,000 bytes and the end.
HOST is an IPv4 address. Figures are one line of JSON on stdout; any failure ends with 1.)";

/// The options that follow the address, each used exactly once.
class Options {
  public:
    Options(int argc, char** argv) {
        for (int i = 3; i < argc; i += 2) {
            if (i + 1 == argc) throw std::invalid_argument(std::string(argv[i]) + " has no value");
            values_[argv[i]] = argv[i + 1];
        }
    }

    std::string text(const char* name) {
        auto node = values_.extract(name);
        if (node.empty()) throw std::invalid_argument(std::string(name) + " is missing");
        return node.mapped();
    }
    int number(const char* name, int low, int high) { return parse_number(text(name), low, high); }
    int connections(const char* name) { return number(name, 1, 20'000); }
    Seconds seconds() { return Seconds(parse_number(text("--seconds"), 0.01, 600.0)); }
    Direction direction() {
        const std::string value = text("--direction");
        if (value == "up") return Direction::up;
        if (value == "down") return Direction::down;
        if (value == "both") return Direction::both;
        throw std::invalid_argument("--direction is up, down or both");
    }

    End end() {
        const std::string value = text("--end");
        if (value == "fin") return End::fin;
        if (value == "rst") return End::rst;
        throw std::invalid_argument("--end is fin or rst");
    }

    void require_all_used() const {
        if (!values_.empty()) throw std::invalid_argument(values_.begin()->first + " is unknown");
    }

  private:
    std::map<std::string, std::string> values_;
};

sockaddr_in parse_address(const std::string& text, int lowest_port) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) return make_address("127.0.0.1", parse_port(text, lowest_port));
    return make_address(text.substr(0, colon), parse_port(text.substr(colon + 1), lowest_port));
}

void run(int argc, char** argv) {
    if (argc < 3) throw std::invalid_argument(std::string("usage:\n") + kUsage);
    const std::string command = argv[1];
    const sockaddr_in address = parse_address(argv[2], command == "serve" ? 0 : 1);
    Options options(argc, argv);
    // Function arguments have no order of evaluation, and need none: each takes its own option.
    const auto call = [&](auto function, auto... arguments) {
        options.require_all_used();
        raise_descriptor_limit();
        function(address, arguments...);
    };
    if (command == "serve") return call(serve);
    if (command == "bulk") {
        return call(bulk, options.connections("--connections"), options.seconds(),
                    options.direction());
    }
    if (command == "pingpong") {
        return call(pingpong, options.connections("--connections"),
                    options.number("--size", 1, kMessageMaxBytes), options.seconds());
    }
    if (command == "opens") {
        return call(opens, options.connections("--at-once"), options.seconds(), options.end());
    }
    if (command == "idle") return call(idle, options.connections("--connections"));
    if (command == "burst") {
        return call(burst, options.connections("--at-once"), options.number("--rounds", 1, 1'000),
                    options.number("--pause-ms", 0, 60'000));
    }
    if (command == "answers") {
        return call(answers, options.number("--rounds", 1, 1'000),
                    options.number("--pause-ms", 0, 60'000));
    }
    throw std::invalid_argument("no command " + command + "; usage:\n" + kUsage);
}

}  // namespace
}  // namespace inout::bench

int main(int argc, char** argv) try {
    inout::bench::run(argc, argv);
} catch (const std::exception& e) {
    std::fprintf(stderr, "load: %s\n", e.what());
    return 1;
}
