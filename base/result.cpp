#include "base/result.h"

namespace titan {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
      return "invalid";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::conflict:
      return "conflict";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::unknown_outcome:
      return "unknown_outcome";
    case ErrorCode::refused:
      return "refused";
    case ErrorCode::io:
      return "io";
    case ErrorCode::corrupt:
      return "corrupt";
  }
  return "unknown";
}

}  // namespace titan
