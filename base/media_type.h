// What a Content-Type header says (RFC 9110, 8.3.1): letter case does not count, parameters may
// follow.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace titan {

struct MediaType {
  std::string type;     // "application/json", in lower case
  std::string charset;  // in lower case; empty: not declared

  // Whether the body can be read as UTF-8: nothing else is declared.
  bool is_utf8() const;
};

// Nothing if the header is absent or cannot be read.
std::optional<MediaType> parse_media_type(std::string_view header);

}  // namespace titan
