// The status of an HTTP answer that tells an Error (RFC 9110, 15). One table for both programs.
#pragma once

#include "base/result.h"

namespace titan {

// What `refused` means to HTTP differs: 401 where showing the right key helps (the cloud's REST),
// 403 where nothing that the client could add would help (a till's API).
enum class RefusedStatus : unsigned { unauthorized = 401, forbidden = 403 };

unsigned http_status(ErrorCode code, RefusedStatus refused);

}  // namespace titan
