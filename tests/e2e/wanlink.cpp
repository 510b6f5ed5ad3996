// wanlink: a point-to-point line between two network namespaces, in user space.
//
// Joins the namespaces with a pair of TUN devices and carries the packets itself: each waits for
// the one-way delay, may be lost, and is paced to a rate. The TCP above is the kernel's own, so
// round trips, retransmissions and congestion control are real, and no kernel module is needed.
//
//   wanlink NS_A IP_A NS_B IP_B [--delay-ms N] [--loss P] [--mbit N] [--queue N] [--name S]
//                               [--seed N]
//
// A namespace is a name of ip-netns(8) or a path (/proc/PID/ns/net); --delay-ms is one way, so a
// round trip takes twice that; --seed chooses which packets are lost. Two lines with different
// --name may meet in one namespace: a relay host in the middle. Prints "up" once both ends are;
// SIGUSR1 makes the line silent (every packet is swallowed, those under way too, and nobody is
// told) and a second one brings it back; each change is printed as "silent" or "up". Ends on
// SIGTERM or SIGINT, when an end is gone, and with its parent, so that a killed test leaves nothing
// behind. Needs CAP_NET_ADMIN.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

/// The largest packet a TUN device may be given (its MTU can be raised up to 65,535).
constexpr std::size_t kPacketMaxBytes = 65'536;
/// Packets taken from one end before the other gets its turn.
constexpr int kBurst = 64;
/// The device's own queue: deep enough that losses happen here, where they are counted on.
constexpr int kDeviceQueuePackets = 5'000;

volatile std::sig_atomic_t stopping = 0;
volatile std::sig_atomic_t silent = 0;

struct Options {
    double delay_ms = 25;
    double loss = 0;  ///< probability per packet
    double mbit = 0;  ///< 0: not paced
    double queue = 2'000;
    double seed = 1;
    std::string name = "wan";
};

struct Packet {
    Clock::time_point due;
    std::vector<char> bytes;
};

struct Direction {
    int from;
    int to;
    std::deque<Packet> queue{};     // in order of `due`: the delay is the same for all
    Clock::time_point line_free{};  // when the paced line can take the next packet
};

[[noreturn]] void fail(const std::string& what) {
    std::perror(("wanlink: " + what).c_str());
    std::exit(1);
}

[[noreturn]] void usage(const std::string& complaint) {
    std::fprintf(stderr,
                 "wanlink: %s\nusage: wanlink NS_A IP_A NS_B IP_B [--delay-ms N] [--loss P] "
                 "[--mbit N] [--queue N] [--name S] [--seed N]\n",
                 complaint.c_str());
    std::exit(2);
}

double number(std::string_view option, std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0)
        usage(std::string(option) + " needs a number from 0, not " + std::string(text));
    return value;
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 5; i < argc; i += 2) {
        const std::string_view option = argv[i];
        if (i + 1 == argc) usage(std::string(option) + " needs a value");
        if (option == "--name")
            options.name = argv[i + 1];
        else if (option == "--delay-ms")
            options.delay_ms = number(option, argv[i + 1]);
        else if (option == "--loss")
            options.loss = number(option, argv[i + 1]);
        else if (option == "--mbit")
            options.mbit = number(option, argv[i + 1]);
        else if (option == "--queue")
            options.queue = number(option, argv[i + 1]);
        else if (option == "--seed")
            options.seed = number(option, argv[i + 1]);
        else
            usage("unknown option " + std::string(option));
    }
    if (options.name.size() + 1 >= IFNAMSIZ) usage("--name is too long for a device");
    return options;
}

ifreq request_for(const std::string& device) {
    ifreq request{};
    std::copy(device.begin(), device.end(), request.ifr_name);
    return request;
}

void set_address(int control, unsigned long what, const std::string& device, const char* address) {
    ifreq request = request_for(device);
    auto* to = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
    to->sin_family = AF_INET;
    if (inet_pton(AF_INET, address, &to->sin_addr) != 1)
        usage(std::string(address) + " is not an IPv4 address");
    if (ioctl(control, what, &request) != 0) fail(device + " " + address);
}

void bring_up(int control, const std::string& device) {
    ifreq request = request_for(device);
    if (ioctl(control, SIOCGIFFLAGS, &request) != 0) fail(device + " flags");
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (ioctl(control, SIOCSIFFLAGS, &request) != 0) fail(device + " up");
}

/// Makes a TUN device in the namespace, with both addresses set and up; returns its descriptor.
/// The device lives as long as the descriptor.
int open_end(const std::string& ns, const std::string& device, const char* own, const char* peer) {
    const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    const std::string path = ns.find('/') == std::string::npos ? "/run/netns/" + ns : ns;
    const int target = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (home < 0 || target < 0 || setns(target, CLONE_NEWNET) != 0) fail("namespace " + ns);

    const int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ifreq request = request_for(device);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) fail("/dev/net/tun " + device);

    const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    set_address(control, SIOCSIFADDR, device, own);
    set_address(control, SIOCSIFDSTADDR, device, peer);
    request = request_for(device);
    request.ifr_qlen = kDeviceQueuePackets;
    if (ioctl(control, SIOCSIFTXQLEN, &request) != 0) fail(device + " queue");
    bring_up(control, device);
    bring_up(control, "lo");

    if (setns(home, CLONE_NEWNET) != 0) fail("home namespace");
    close(control);
    close(target);
    close(home);
    return tun;
}

/// Signals only set flags, and arrive only inside ppoll: none can fall between a check and a wait.
sigset_t catch_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { stopping = 1; };
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    action.sa_handler = [](int) { silent = !silent; };
    sigaction(SIGUSR1, &action, nullptr);
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    for (const int number : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&blocked, number);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    return before;
}

void say(const char* state) {
    std::puts(state);
    std::fflush(stdout);
}

class Line {
  public:
    Line(int a, int b, const Options& options)
        : directions_{Direction{a, b}, Direction{b, a}},
          options_(options),
          random_(static_cast<std::uint64_t>(options.seed)) {}

    void run(const sigset_t& signals_while_waiting) {
        bool was_silent = false;
        while (!stopping) {
            if (was_silent != (silent != 0)) {
                was_silent = !was_silent;
                say(was_silent ? "silent" : "up");
            }
            if (!wait(signals_while_waiting)) return;
            for (Direction& direction : directions_) {
                take(direction);
                deliver(direction);
            }
        }
    }

  private:
    /// Waits for a packet, for the next one to be due, or for a signal. False: an end is gone.
    bool wait(const sigset_t& signals) {
        auto next = Clock::time_point::max();
        for (const Direction& direction : directions_)
            if (!direction.queue.empty()) next = std::min(next, direction.queue.front().due);
        timespec pause{};
        if (next != Clock::time_point::max()) {
            const auto left = std::max(next - Clock::now(), Clock::duration::zero());
            const auto whole = std::chrono::floor<std::chrono::seconds>(left);
            pause.tv_sec = whole.count();
            pause.tv_nsec = (left - whole).count();
        }
        std::array<pollfd, 2> ends{
            {{directions_[0].from, POLLIN, 0}, {directions_[1].from, POLLIN, 0}}};
        const bool forever = next == Clock::time_point::max();
        if (ppoll(ends.data(), ends.size(), forever ? nullptr : &pause, &signals) < 0)
            return errno == EINTR;
        // a device that was deleted with its namespace says so for ever: do not spin on it
        return !((ends[0].revents | ends[1].revents) & (POLLERR | POLLHUP | POLLNVAL));
    }

    void take(Direction& direction) {
        const auto now = Clock::now();
        for (int i = 0; i < kBurst; ++i) {
            const ssize_t size = read(direction.from, buffer_.data(), buffer_.size());
            if (size <= 0) return;
            const bool lost = options_.loss > 0 && chance_(random_) < options_.loss;
            const bool full = direction.queue.size() >= static_cast<std::size_t>(options_.queue);
            if (silent || lost || full) continue;  // full: tail drop, as a router does
            auto sent = now;
            if (options_.mbit > 0) {
                const double micros = static_cast<double>(size) * 8 / options_.mbit;
                direction.line_free = std::max(direction.line_free, now) + duration(micros / 1'000);
                sent = direction.line_free;
            }
            direction.queue.push_back(
                {sent + duration(options_.delay_ms), {buffer_.data(), buffer_.data() + size}});
        }
    }

    static void deliver(Direction& direction) {
        if (silent) direction.queue.clear();
        while (!direction.queue.empty() && direction.queue.front().due <= Clock::now()) {
            const std::vector<char>& bytes = direction.queue.front().bytes;
            // a full device loses the packet, as a router would
            [[maybe_unused]] const ssize_t n = write(direction.to, bytes.data(), bytes.size());
            direction.queue.pop_front();
        }
    }

    static Clock::duration duration(double ms) {
        return std::chrono::duration_cast<Clock::duration>(
            std::chrono::duration<double, std::milli>(ms));
    }

    std::array<Direction, 2> directions_;
    const Options options_;
    std::vector<char> buffer_ = std::vector<char>(kPacketMaxBytes);
    std::mt19937_64 random_;
    std::uniform_real_distribution<double> chance_{0, 1};
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) usage("two namespaces and two addresses are needed");
    const Options options = parse(argc, argv);
    const sigset_t signals_while_waiting = catch_signals();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int a = open_end(argv[1], options.name + "a", argv[2], argv[4]);
    const int b = open_end(argv[3], options.name + "b", argv[4], argv[2]);
    say("up");
    Line(a, b, options).run(signals_while_waiting);
}
