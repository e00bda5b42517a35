// toml++ for files that a person or a bad disk may have damaged: its parser asserts what some
// malformed files break, and a bad file must not end the program. Include this, never toml++.
#pragma once

namespace titan {

// Thrown by the parser beside toml::parse_error, without a place in the file.
struct MalformedToml {};

[[noreturn]] inline void refuse_malformed_toml() {
  throw MalformedToml{};
}

}  // namespace titan

#define TOML_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::titan::refuse_malformed_toml())
#include <toml++/toml.h>
