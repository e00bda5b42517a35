// Text from outside as one line that a person can read: for logs, and for whatever prints.
//
// What would begin a line, move the cursor, colour the screen or turn the order of reading round is
// written as an escape: control characters, the line and paragraph separators and the directional
// marks of Unicode, and bytes that are no UTF-8. All else stays as it is.
#pragma once

#include <string>
#include <string_view>

namespace titan {

bool is_printable(std::string_view text);
std::string printable(std::string_view text);

}  // namespace titan
