#include "common/rules/reason.hpp"

#include <array>

namespace inout {
namespace {

struct Word {
    Code code;
    std::string_view text;
    bool is_sent = true;
};

constexpr std::array<Word, 23> kWords{{
    {Code::none, ""},
    {Code::no_topic, "no_topic"},
    {Code::no_out, "no_out"},
    {Code::open_timeout, "open_timeout"},
    {Code::backend_refused, "backend_refused"},
    {Code::backend_timeout, "backend_timeout"},
    {Code::backend_unresolved, "backend_unresolved"},
    {Code::denied, "denied"},
    {Code::clock, "clock"},
    {Code::e2e, "e2e"},
    {Code::quota, "quota"},
    {Code::limit, "limit"},
    {Code::penalised, "penalised"},
    {Code::unready, "unready"},
    {Code::draining, "draining"},
    {Code::no_directory, "no_directory"},
    {Code::version, "version"},
    {Code::malformed, "malformed"},
    {Code::unknown, "unknown"},
    {Code::proxy_unreachable, "proxy_unreachable", false},
    {Code::client_gone, "client_gone", false},
    {Code::in_gone, "in_gone", false},
    {Code::proxy_gone, "proxy_gone", false},
}};

}  // namespace

std::string_view to_string(Code code) {
    for (const Word& word : kWords) {
        if (word.code == code) return word.text;
    }
    return "unknown";
}

Code code_from(std::string_view word) {
    for (const Word& known : kWords) {
        if (known.text == word && known.is_sent) return known.code;
    }
    return Code::unknown;
}

}  // namespace inout
