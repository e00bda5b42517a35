// Network namespaces of the lab (qa/netlab/netlab.sh): a process that enters one, a socket made in
// one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace titan::bench {

// One titan-pos as this program reaches it.
struct TillAddress {
  std::string name_space;  // "tl123x1-h4"; empty: the namespace this process is in
  std::string host = "127.0.0.1";
  std::uint16_t port = 8410;
};

// Of the calling thread, for good.
void enter_namespace(const std::string& name);

// A connected TCP socket, without delay, non-blocking. It keeps the namespace it was made in.
int connect_in_namespace(const TillAddress& to);

std::string namespace_of(const std::string& lab, int host);
std::string address_of(int host);                       // on the lab's LAN
std::vector<int> parse_hosts(const std::string& text);  // "1,2,5" or "1-10"

}  // namespace titan::bench
