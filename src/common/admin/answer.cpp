#include "common/admin/answer.hpp"

namespace inout::admin {
namespace {

std::string_view reason_of(unsigned status) {
    switch (status) {
        case 200: return "OK";
        case 202: return "Accepted";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 409: return "Conflict";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 421: return "Misdirected Request";
        case 431: return "Request Header Fields Too Large";
        case 501: return "Not Implemented";
        case 503: return "Service Unavailable";
        case 505: return "HTTP Version Not Supported";
        default: return "Error";
    }
}

}  // namespace

Answer refusal(unsigned status, std::string_view why) {
    return {.status = status, .body = std::string(why.empty() ? reason_of(status) : why) + "\n"};
}

std::string written(const Answer& answer, bool head_only, bool close) {
    std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " ";
    text.reserve(text.size() + 512 + answer.body.size());
    text += reason_of(answer.status);
    text += "\r\nContent-Type: ";
    text += answer.type;
    text += "\r\nContent-Length: " + std::to_string(answer.body.size());
    // A browser keeps nothing, guesses nothing, tells no other place where it was, and runs nothing
    // but what the policy of a page says.
    text +=
        "\r\nCache-Control: no-store"
        "\r\nX-Content-Type-Options: nosniff"
        "\r\nReferrer-Policy: no-referrer"
        "\r\nContent-Security-Policy: ";
    text += answer.policy;
    text += "\r\n";
    text += answer.more;
    if (close) text += "Connection: close\r\n";
    text += "\r\n";
    if (!head_only) text += answer.body;
    return text;
}

}  // namespace inout::admin
