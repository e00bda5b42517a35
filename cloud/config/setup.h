// `titan-cloud setup`: writes the configuration of a head office with one company, makes its keys,
// checks that database and port are there, starts the service, and writes what the company's stores
// need into a file for `titan-pos setup --store-file`.
#pragma once

#include <string>

#include "base/result.h"
#include "cloud/config/config.h"

namespace titan::cloud {

struct SetupWishes {
  std::string folder = "/etc/titan-cloud";
  std::string tenant;
  std::string url;  // at which the stores reach this gateway; empty: by this machine's name
  std::string listen = "0.0.0.0:8500";
  std::string database = "postgresql:///titan?host=/run/postgresql";
  std::string data = "/var/lib/titan-cloud";
  std::string tls_certificate;
  std::string tls_key;
  bool start = true;
};

// Exit code.
int run_setup(SetupWishes wishes);

// What keeps a gateway with this configuration from running here, one complaint a line.
Status check_machine(const Config& config);

}  // namespace titan::cloud
