// The keys of the way out of a network, as fields.hpp has the others. fields.hpp alone includes
// this. Pure; keeps nothing.
#pragma once

#include <optional>

#include "common/config/reader.hpp"
#include "common/config/rules.hpp"
#include "common/config/via_options.hpp"

namespace inout {

/// Who has a user needs a password, or one would be sent that is empty.
template <class Fields>
void check_via_login(Fields& fields, std::string_view key, const ViaOptions& via) {
    if (via.url.empty() || !fields.good({key})) return;
    const auto url = parse_forward_url(via.url);
    const bool has_user = url && !url->user.empty();
    if (has_user && via.password_file.empty()) {
        fields.complain(key,
                        "has a user, whose password has to be in a file: write {\"url\": …, "
                        "\"password_file\": …}");
    } else if (!has_user && !via.password_file.empty()) {
        fields.complain("password_file",
                        "has no meaning without a user in \"url\": http://USER@HOST:PORT");
    }
}

/// A text, or an object where there is more to say.
template <class Fields>
void visit_via(Fields& fields, std::optional<ViaOptions>& via) {
    if (fields.is_object("via", via && !via->password_file.empty())) {
        fields.object("via", via, [](auto& entry, ViaOptions& options) {
            entry.text("url", options.url, check_via, Need::required);
            entry.text("password_file", options.password_file, check_file_name);
            check_via_login(entry, "url", options);
        });
        return;
    }
    ViaOptions options = via.value_or(ViaOptions{});
    fields.text("via", options.url, check_via);
    check_via_login(fields, "via", options);
    if (!options.url.empty()) via = std::move(options);
}

}  // namespace inout
