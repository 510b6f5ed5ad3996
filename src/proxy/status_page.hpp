// The proxy's status page (status_page.html), as the build has embedded it. Constants.
#pragma once

#include "common/admin/facts.hpp"

namespace inout::proxy {

extern const admin::Document kStatusPage;

}  // namespace inout::proxy
