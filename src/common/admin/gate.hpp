// Who is answered over HTTP. A browser on this machine reaches what listens on loopback, and any
// page it shows may have it do so: under a name that somebody else's name server has made ours
// (DNS rebinding), or as a request across origins. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/admin/answer.hpp"
#include "common/admin/request.hpp"
#include "common/base/secret.hpp"

namespace inout::admin {

enum class Purpose { reading, acting };

struct Gate {
    /// The names that a request may be for, beside localhost, 127.0.0.1 and ::1: as canonical_host
    /// spells them; `*.` stands for one label.
    std::vector<std::string> hosts;
    bool any_address = false;  ///< also every address literal, which no name server can point at us
    bool needs_token = false;  ///< `token` has to be shown, also by who only reads
    Secret token{};            ///< empty: there is none, and nobody acts
    bool over_tls = false;

    /// Why this request is not answered; nothing: it is. 401: its token is wrong, or it has none.
    std::optional<Answer> refuse(const Request& request, Purpose purpose) const;

  private:
    bool knows(std::string_view host_field) const;
    bool is_from_here(const Request& request) const;
};

}  // namespace inout::admin
