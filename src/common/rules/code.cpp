#include "common/rules/code.hpp"

#include <array>
#include <utility>

namespace inout {
namespace {

constexpr std::array<std::pair<Code, std::string_view>, 17> kWords{{
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
    {Code::limit, "limit"},
    {Code::penalised, "penalised"},
    {Code::unready, "unready"},
    {Code::draining, "draining"},
    {Code::version, "version"},
    {Code::malformed, "malformed"},
    {Code::unknown, "unknown"},
}};

}  // namespace

std::string_view to_string(Code code) {
    for (const auto& [value, word] : kWords) {
        if (value == code) return word;
    }
    return "unknown";
}

Code code_from(std::string_view word) {
    for (const auto& [value, name] : kWords) {
        if (name == word) return value;
    }
    return Code::unknown;
}

}  // namespace inout
