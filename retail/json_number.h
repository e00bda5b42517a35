// JSON numbers as the decimals they were written as.
#pragma once

#include <optional>
#include <string>

namespace titan::retail {

// A double as the decimal text it was most likely written as: 15 digits always survive the way
// through a double. Nothing if the number needs more.
std::optional<std::string> decimal_of(double number);

}  // namespace titan::retail
