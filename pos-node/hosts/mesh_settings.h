// What the configuration makes of the node and of its transport.
#pragma once

#include <cstddef>
#include <string>

#include "base/crypto.h"
#include "mesh/node/node.h"
#include "mesh/zmq/transport.h"
#include "pos-node/config/config.h"

namespace titan::pos {

mesh::NodeConfig node_config_of(const Config& config, const std::string& terminal,
                                WallTime started);
// `open_files`: that this process may have.
mesh::TransportConfig transport_config_of(const Config& config, const std::string& terminal,
                                          const ProcessId& process, const KeyPair& device_key,
                                          std::size_t open_files);

}  // namespace titan::pos
