// What a browser is told that asks a listener with names for a page: how to use it, as a proxy
// auto-configuration file (PAC). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/rules/topic_names.hpp"
#include "common/wire/forward_request.hpp"

namespace inout::in {

/// An HTTP response to a `path` request. The script is at /proxy.pac and /wpad.dat, for GET and
/// HEAD; it names the listener as the request does (Host), or `own_place`, "host:port", if that
/// says nothing; where there is neither, as at a UNIX socket, there is no script.
std::string answer_to_browser(const ForwardRequest& request, const TopicNames& names,
                              const std::string& own_place);

/// The script: hosts that end so, and with an exit all but plain names and this machine, go through
/// the proxy at `place`.
std::string proxy_script(const TopicNames& names, const std::string& place);

}  // namespace inout::in
