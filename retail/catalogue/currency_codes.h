// The alphabetic codes of ISO 4217 (list one, funds and metals left out): to notice a typing error.
#pragma once

#include <string_view>

namespace titan::retail {

bool is_iso_currency(std::string_view code);

}  // namespace titan::retail
