// What a proxy tells of its topics to whoever asks over HTTP. Any thread.
#pragma once

#include "common/admin/facts.hpp"

namespace inout::proxy {

class Directory;

/// One row for each registration, in the order in which they came.
admin::Page list_topics(Directory& directory, const admin::Cut& cut);

}  // namespace inout::proxy
