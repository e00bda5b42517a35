// The target of an HTTP request (RFC 9112, 3.2): which address it means, and with which parameters.
//
// One reading for both programs. Pure: text in, value or Error out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace titan {

// A product's name of 1000 characters, percent-encoded, must fit; so must a request's header.
inline constexpr std::size_t target_bytes_max = 14 * 1024;
inline constexpr std::size_t path_segments_max = 8;
inline constexpr std::size_t query_items_max = 16;

struct HttpTarget {
  bool is_asterisk = false;       // "*": the server as a whole (OPTIONS)
  std::string authority;          // of the absolute form "http://host:port/…"; else empty
  std::vector<std::string> path;  // "/v1/sales/x" -> {"v1", "sales", "x"}, percent-decoded
  std::vector<std::pair<std::string, std::string>> query;  // percent-decoded, each name once
};

// Origin form, absolute form (as a client behind a proxy sends it) and "*". A slash at the end is
// the same address. Refused with a text for a person: broken escapes, what is not UTF-8, NUL, a
// parameter that is given twice (its name is the Error's field).
Result<HttpTarget> parse_http_target(std::string_view target);

// "Till-1.local.:8410" -> {"till-1.local.", "8410"}; "[::1]" -> {"::1", ""}. Letter case is gone.
struct HttpAuthority {
  std::string host;
  std::string port;  // empty: none given
};
// Nothing if it is no `host [":" port]`: without host, with a user, with an open bracket.
std::optional<HttpAuthority> parse_http_authority(std::string_view text);

std::string ascii_lower_case(std::string_view text);

}  // namespace titan
