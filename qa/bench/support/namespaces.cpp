#include "qa/bench/support/namespaces.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sstream>

#include "qa/bench/support/program.h"

namespace titan::bench {
namespace {

int open_namespace(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_errno("cannot open the network namespace " + path);
  return descriptor;
}

void enter(int descriptor, const std::string& path) {
  if (setns(descriptor, CLONE_NEWNET) != 0) {
    fail_errno("cannot enter the network namespace " + path + " (this needs root)");
  }
}

}  // namespace

void enter_namespace(const std::string& name) {
  if (name.empty()) return;
  const std::string path = "/run/netns/" + name;
  const int descriptor = open_namespace(path);
  enter(descriptor, path);
  close(descriptor);
}

int connect_in_namespace(const TillAddress& to) {
  const int home = open_namespace("/proc/thread-self/ns/net");
  enter_namespace(to.name_space);
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  enter(home, "of this process");
  close(home);
  if (made < 0) fail_errno("cannot make a socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(to.port);
  if (inet_pton(AF_INET, to.host.c_str(), &address.sin_addr) != 1) {
    fail("'" + to.host + "' is not an IPv4 address");
  }
  if (connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail_errno("cannot connect to " + to.host + ":" + std::to_string(to.port) + " in '" +
               to.name_space + "'");
  }
  const int on = 1;
  setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(made, F_SETFL, fcntl(made, F_GETFL) | O_NONBLOCK);
  return made;
}

std::string namespace_of(const std::string& lab, int host) {
  return lab.empty() ? "" : lab + "-h" + std::to_string(host);
}

std::string address_of(int host) {
  return "10.77.0." + std::to_string(host);
}

std::vector<int> parse_hosts(const std::string& text) {
  std::vector<int> hosts;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto dash = part.find('-');
    const int first = std::atoi(part.c_str());
    const int last = dash == std::string::npos ? first : std::atoi(part.c_str() + dash + 1);
    if (first < 1 || last < first || last > 250) fail("'" + text + "' is no list of hosts");
    for (int host = first; host <= last; ++host) hosts.push_back(host);
  }
  return hosts;
}

}  // namespace titan::bench
