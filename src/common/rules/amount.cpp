#include "common/rules/amount.hpp"

#include <algorithm>
#include <span>

namespace inout {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t bytes;
};

constexpr std::uint64_t kKilo = 1'000, kMega = 1'000'000, kGiga = 1'000'000'000;
constexpr std::uint64_t kTera = 1'000'000'000'000;
constexpr std::uint64_t kAmountMax = 1'000'000 * kTera;
constexpr std::string_view kDigits = "0123456789";
/// Behind the point: a millionth of the largest unit, and no product overflows.
constexpr std::size_t kFractionDigits = 6;

constexpr Unit kUnits[] = {{"B", 1}, {"kB", kKilo}, {"MB", kMega}, {"GB", kGiga}, {"TB", kTera}};
constexpr Unit kRateUnits[] = {{"kbit", kKilo / 8}, {"Mbit", kMega / 8}, {"Gbit", kGiga / 8},
                               {"kB", kKilo},       {"MB", kMega},       {"GB", kGiga}};

struct Rules {
    std::span<const Unit> units;
    std::uint64_t min, max;
    std::string_view expected;
};
constexpr Rules rules_of(AmountOf of) {
    if (of == AmountOf::bytes) {
        return {kUnits, 1, kAmountMax,
                "an amount of bytes with its unit, such as \"100GB\" (B, kB, MB, GB, TB), from "
                "\"1B\" to \"1000000TB\""};
    }
    return {kRateUnits, kKilo, 12'500'000'000,
            "a rate per second with its unit, such as \"10Mbit\" or \"1.5MB\" (kbit, Mbit, Gbit, "
            "kB, MB, GB), from \"8kbit\" to \"100Gbit\""};
}

/// Nothing: more than anything here may be.
std::optional<std::uint64_t> number_of(std::string_view digits) {
    std::uint64_t number = 0;
    for (const char digit : digits) {
        if (number > kAmountMax) return std::nullopt;
        number = number * 10 + static_cast<std::uint64_t>(digit - '0');
    }
    return number;
}

/// In whole bytes, rounded down; nothing if it is not a number and one of the units, or too much.
std::optional<std::uint64_t> bytes_of(std::string_view text, std::span<const Unit> units) {
    const std::string_view whole = text.substr(0, text.find_first_not_of(kDigits));
    text.remove_prefix(whole.size());
    std::string_view fraction;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        fraction = text.substr(0, text.find_first_not_of(kDigits));
        text.remove_prefix(fraction.size());
        if (fraction.empty() || fraction.size() > kFractionDigits) return std::nullopt;
    }
    const auto unit = std::find_if(units.begin(), units.end(),
                                   [text](const Unit& each) { return each.name == text; });
    const auto number = number_of(whole);
    if (whole.empty() || unit == units.end() || !number) return std::nullopt;
    if (*number > kAmountMax / unit->bytes) return std::nullopt;
    std::uint64_t scale = 1;
    for (std::size_t i = 0; i < fraction.size(); ++i) scale *= 10;
    return *number * unit->bytes + number_of(fraction).value_or(0) * unit->bytes / scale;
}

}  // namespace

template <AmountOf of>
std::string_view Amount<of>::expected() {
    return rules_of(of).expected;
}

template <AmountOf of>
Result<Amount<of>, std::string> Amount<of>::parse(std::string_view text) {
    static constexpr Rules kRules = rules_of(of);
    const auto count = bytes_of(text, kRules.units);
    if (count && *count >= kRules.min && *count <= kRules.max) return Amount(*count, text);
    return Failure{"must be " + std::string(kRules.expected)};
}

template class Amount<AmountOf::bytes>;
template class Amount<AmountOf::bytes_per_second>;

}  // namespace inout
