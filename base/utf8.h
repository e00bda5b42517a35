// Whether bytes are UTF-8 (RFC 3629): what wire formats and databases take as text.
#pragma once

#include <string_view>

namespace titan {

// False also for overlong forms, surrogates and what lies above U+10FFFF. An empty text is valid.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace titan
