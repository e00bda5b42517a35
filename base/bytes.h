// Bytes as they cross the wire, the disk and library borders.
//
// std::string holds them because protobuf, SQLite and ZeroMQ all speak it; the alias says that
// the content is not text.
#pragma once

#include <string>
#include <string_view>

namespace titan {

using Bytes = std::string;
using BytesView = std::string_view;

}  // namespace titan
