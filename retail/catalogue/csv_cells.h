// Single cells of a spreadsheet's list, cleaned of what a spreadsheet does to them.
//
// Pure functions, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "retail/catalogue/list_numbers.h"
#include "retail/catalogue/product_patch.h"

namespace titan::retail {

// Blanks of every width outside and a line break or tab inside are no part of a text.
std::string clean_text(std::string_view cell);
// ="0123", =0123 and '0123 are a spreadsheet's way to keep a zero.
std::string without_text_mark(std::string cell);
bool is_blank(std::string_view cell);
// "true", "false" of the many words for it; anything else as it is.
std::string flag_text(std::string_view cell);

// The cell as the field's reader takes it, or what is wrong with it. `warning` is set where digits
// were restored.
Complaint cell_input(const FieldRule& rule, std::string_view cell, const NumberStyle& numbers,
                     FieldInput& input, std::string& warning);

}  // namespace titan::retail
