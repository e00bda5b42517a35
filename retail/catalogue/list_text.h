// The bytes of a list as text: UTF-8, UTF-16 or Windows-1252, declared or evident.
//
// Pure functions, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace titan::retail {

struct ListText {
  std::string text;     // UTF-8 without a byte order mark; lines end with LF or CRLF
  std::string warning;  // what was assumed; empty: nothing had to be
};

// `content_type` as sent: "text/csv; charset=windows-1252". Refused: bytes that are neither, a
// charset that is not known here.
Result<ListText> list_text(std::string_view bytes, std::string_view content_type);

}  // namespace titan::retail
