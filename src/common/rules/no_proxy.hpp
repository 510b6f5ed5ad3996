// Which hosts are reached without a forward proxy, by the rules that curl has for NO_PROXY. Pure.
#pragma once

#include <string>
#include <string_view>

namespace inout {

/// Whether `host`, a name or an address literal without a problem, is in `list`, whose entries have
/// commas or spaces between them:
///   `*`                  every host
///   `example.com`        that name and all below it; a dot in front or behind makes no difference
///   `10.0.0.0/8`, `::1`  addresses; one of these never fits a name, which is not looked up
/// An entry that is none of these fits nothing.
bool is_exempt(std::string_view list, const std::string& host);

}  // namespace inout
