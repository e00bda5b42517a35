// One subscriber of GET /v1/events. Internal to api/.
#pragma once

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include "pos-node/http/connection.h"

namespace titan::pos {

using UpgradeRequest = boost::beast::http::request<boost::beast::http::string_body>;

// Answers the WebSocket handshake and sends every event from then on.
void start_event_session(Socket socket, UpgradeRequest request, const ServerStatePointer& state);

}  // namespace titan::pos
