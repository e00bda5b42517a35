// An error of the API in the words of the command line: who types `titan-pos sell` cannot send a
// JSON field.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace titan::pos {

// `body`: {"error":{"code","field","message"[,"faults":[{"row","column","message"}]]}}.
// `articles`: what the request's lines were about, in their order. Empty if there is no message.
std::string error_words(const boost::json::value& body, const std::vector<std::string>& articles);

// The faults of a product list, one a line: "row 3, price: …".
std::vector<std::string> fault_lines(const boost::json::value& body);

}  // namespace titan::pos
