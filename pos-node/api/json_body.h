// A request's body as what it asks for.
#pragma once

#include "pos-node/api/http.h"
#include "pos-node/json/json_reader.h"

namespace titan::pos {

// Refused, in words for a programmer of a till screen: not declared as JSON, no JSON, or not what
// `read` takes.
template <class Request>
Result<Request> read_body(const ApiRequest& request,
                          Result<Request> (*read)(const boost::json::value&)) {
  if (const auto checked = check_json(request); !checked) return checked.error();
  json::monotonic_resource memory;  // what `read` gives back holds nothing of it
  const auto body = parse_json(request.body, &memory);
  if (!body) return body.error();
  return read(*body);
}

}  // namespace titan::pos
