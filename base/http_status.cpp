#include "base/http_status.h"

namespace titan {

unsigned http_status(ErrorCode code, RefusedStatus refused) {
  switch (code) {
    case ErrorCode::invalid:
      return 400;
    case ErrorCode::refused:
      return static_cast<unsigned>(refused);
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::conflict:
      return 409;
    case ErrorCode::too_large:
      return 413;
    case ErrorCode::unsupported:
      return 415;
    case ErrorCode::unavailable:
    case ErrorCode::unknown_outcome:
      return 503;
    case ErrorCode::io:
    case ErrorCode::corrupt:
      return 500;
  }
  return 500;
}

}  // namespace titan
