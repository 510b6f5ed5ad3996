// Bytes read as an HTTP request, whole and cut: no more is taken than may be, what is read does not
// depend on the cut, and what passes keeps the rules.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/admin/gate.hpp"
#include "common/admin/request.hpp"
#include "common/base/limits.hpp"
#include "demand.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace inout;
    using namespace inout::admin;
    if (size == 0) return 0;
    const std::size_t step = 1 + data[0] % 64;
    const std::string_view text = text_of(data, size).substr(1);
    RequestReader whole, cut;
    const std::size_t taken = whole.feed(text);
    demand(taken <= text.size() && taken <= kAdminRequestMaxBytes + 1);
    std::size_t at = 0;
    while (at < text.size() && !cut.is_over()) {
        const std::size_t n = cut.feed(text.substr(at, step));
        demand(n > 0 || cut.is_over());
        at += n;
    }
    demand(whole.is_over() == cut.is_over());
    if (!whole.is_over()) return 0;
    demand((whole.failure() == 0) == (cut.failure() == 0));
    if (whole.failure() != 0) return 0;
    const Request &one = whole.request(), &other = cut.request();
    demand(one.method == other.method && one.target == other.target);
    demand(one.fields.size() == other.fields.size() && one.fields.size() <= kAdminFieldsMax);
    if (!one.has_body) demand(at == taken);
    const Gate gate{.hosts = {"*.example"}, .any_address = data[0] >= 128};
    (void)gate.refuse(one);
    return 0;
}
