// The front program: `inout in …` becomes the program `in`, so that nothing of that name has to be
// in PATH (it is a reserved word of the shell). One thread, and nothing of the library is linked:
// it is gone when the program begins.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inout {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kPrograms{"in", "out", "proxy"};
constexpr std::string_view kAllowed = "in, out, proxy, doctor, --help and --version";
constexpr std::string_view kHelp = R"(TCP through a relay that both sides dial out to.
Usage: inout PROGRAM [OPTIONS]

Programs:
  in                          The client side: accepts clients and takes them to a topic.
  out                         The service side: offers services to the proxy.
  proxy                       The relay: one port where in and out meet.
  doctor in|out|proxy         The same as in --doctor, out --doctor, proxy --doctor.

Options:
  --help                      Print this help message and exit
  --version                   Display program version information and exit

inout PROGRAM --help lists the options of one.
)";

int refuse(const std::string& what) {
    std::cerr << "inout: " << what << '\n';
    return 2;
}

bool is_program(std::string_view word) {
    return std::find(kPrograms.begin(), kPrograms.end(), word) != kPrograms.end();
}

/// Where the programs may be, the likeliest first. In libexec nobody else has a program of that
/// name; a build and an archive have all of them in one folder. Not resolved where it was called by
/// a path, for an upgrade may point a link somewhere else.
std::vector<fs::path> folders(const fs::path& called) {
    std::vector<fs::path> found;
    std::error_code ignored;  // no /proc in some roots of chroot(2)
    for (const fs::path& file : {called.has_parent_path() ? called : fs::path(),
                                 fs::read_symlink("/proc/self/exe", ignored)}) {
        if (file.empty()) continue;
        const fs::path folder = fs::absolute(file, ignored).parent_path();
        if (std::find(found.begin(), found.end(), folder) != found.end()) continue;
        found.push_back(folder.parent_path() / "libexec/inout");
        found.push_back(folder);
    }
    return found;
}

/// Returns only if it can not.
int become(const std::string& program, const fs::path& called, std::vector<std::string> arguments) {
    std::string reason = "no such file";
    std::string looked_in;
    for (const fs::path& folder : folders(called)) {
        std::string path = (folder / program).string();
        arguments.front() = path;
        std::vector<char*> pointers;
        pointers.reserve(arguments.size() + 1);
        for (std::string& argument : arguments) pointers.push_back(argument.data());
        pointers.push_back(nullptr);
        ::execv(path.c_str(), pointers.data());
        if (errno != ENOENT && errno != ENOTDIR) reason = path + ": " + std::strerror(errno);
        looked_in += (looked_in.empty() ? "" : ", ") + folder.string();
    }
    std::cerr << "inout: the program " << program << " can not be started: " << reason
              << "; looked in " << (looked_in.empty() ? "no folder" : looked_in) << '\n';
    return 1;
}

int run(std::span<char*> words) {
    const std::string called = words.empty() ? "" : words.front();
    const std::vector<std::string> given(words.begin() + (words.empty() ? 0 : 1), words.end());
    if (given.empty()) {
        return refuse("which program? The first word is one of " + std::string(kAllowed));
    }
    std::string program = given.front();
    if (program == "--help" || program == "-h") {
        std::cout << kHelp;
        return 0;
    }
    if (program == "--version") {
        std::cout << "inout " INOUT_VERSION "\n";
        return 0;
    }
    std::vector<std::string> arguments(given);
    if (program == "doctor") {
        if (given.size() < 2 || !is_program(given[1])) {
            return refuse("doctor: the next word is in, out or proxy" +
                          (given.size() < 2 ? "" : ", not \"" + given[1] + '"'));
        }
        program = given[1];
        arguments.erase(arguments.begin());
        arguments.insert(arguments.begin() + 1, "--doctor");
    } else if (!is_program(program)) {
        return refuse('"' + program + "\" is none of " + std::string(kAllowed));
    }
    return become(program, called, std::move(arguments));
}

}  // namespace
}  // namespace inout

int main(int argc, char** argv) { return inout::run({argv, static_cast<std::size_t>(argc)}); }
