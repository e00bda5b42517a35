// How a line of the programs' logs looks, and the one place that keeps it one line.
//
// Names of tenants, stores, terminals and articles, reasons that a peer gives, and much else that
// is logged come from outside. Whatever a log call is given, its text goes through printable(), so
// that no line can be forged by a name with a line break in it, whoever forgets to think of it.
#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>

namespace titan {

// `pattern` as in spdlog; %v is the text, made printable.
std::unique_ptr<spdlog::formatter> make_log_format(const std::string& pattern);

}  // namespace titan
