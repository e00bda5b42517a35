// The page's parts as they stand in simulations/report/page, embedded by embed.cmake.
#pragma once

namespace titan::simulations {

extern const char* const page_html;
extern const char* const page_css;
extern const char* const page_js;

}  // namespace titan::simulations
