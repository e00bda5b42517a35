// GS1 Digital Link (version 1.1 and later): a web address that names an article.
//
//   https://id.example/01/09506000134352/10/ABC/21/123?17=290331&3103=000195
//
// The host does not matter. Pure functions, thread-safe; any text is taken.
#pragma once

#include <string_view>
#include <vector>

#include "retail/scan/element_strings.h"

namespace titan::retail {

// A web address; or one that lacks its beginning, as some scanners are set to send.
bool looks_like_link(std::string_view text);

// The elements that path and query name; empty, with a complaint, if no article is among them.
std::vector<Element> read_digital_link(std::string_view text,
                                       std::vector<ScanComplaint>& complaints);

}  // namespace titan::retail
