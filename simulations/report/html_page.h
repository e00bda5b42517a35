// The report as one self-contained page: no request leaves it, so it can be mailed and kept.
#pragma once

#include <string>

#include "simulations/report/timeline.h"
#include "simulations/report/verdict.h"

namespace titan::simulations {

std::string html_page(const Verdict& verdict, const Timeline& timeline);

}  // namespace titan::simulations
