// Hexadecimal text of bytes and back, lower case.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"

namespace titan {

std::string to_hex(BytesView bytes);
// Nothing if the text has an odd length or a character that is not a hexadecimal digit.
std::optional<Bytes> from_hex(std::string_view text);

}  // namespace titan
