// Who may speak with the API: under which host, and for which page of a browser.
//
// The API has no password; it listens on loopback. What keeps a foreign web page out is that its
// browser tells where the page comes from (Origin) and what the address was (Host): a page may not
// call from elsewhere, and no name of public DNS may be made to point here.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace titan::pos {

// An address, a single label, .local, or one of the names of this machine (localhost, localhost.,
// localhost.localdomain, anything under .localhost).
Status check_host(std::string_view authority);

// A page from this machine (http or https, any port), or from the very address it calls.
Status check_page(std::string_view origin, std::string_view authority);

}  // namespace titan::pos
