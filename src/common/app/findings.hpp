// What a doctor has found, one row for each check, and how people and programs read it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inout {

struct Finding {
    enum class State {
        ok,
        warning,  ///< it works, or can not be told
        wrong,
    };
    std::string server{};  ///< of which proxy; empty: of none
    std::string topic{};   ///< of which network; empty: of all that go there
    std::string check;     ///< one word
    State state = State::ok;
    std::string found;
    std::string advice{};  ///< what to do; of one that is ok nothing
};
using Findings = std::vector<Finding>;

/// Nothing is wrong. Warnings are no fault.
bool is_well(const Findings& findings);

/// For people: a row for each, and what to do in a line of its own. What others have said is
/// escaped.
std::string table_of(const Findings& findings);

/// For programs: one JSON object and a line end (docs/operations.md has its members).
std::string json_of(std::string_view program, const Findings& findings);

}  // namespace inout
