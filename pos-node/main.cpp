// titan-pos: the terminal's daemon and its command line.
#include "mesh/wire/wire_codec.h"
#include "pos-node/cli/command_line.h"
#include "pos-node/daemon.h"
#include "pos-node/machine/machine_check.h"
#include "pos-node/storage/data_folder.h"
#include "pos-node/storage/unsent.h"

int main(int argc, char** argv) {
  const titan::mesh::WireCodec codec;
  using titan::pos::Config;
  return titan::pos::run_command_line(
      argc, argv,
      {[&codec](const Config& config) { return titan::pos::run_daemon(config, codec); },
       [&codec](const Config& config) { return titan::pos::tell_unsent(config, codec); },
       titan::pos::check_machine,
       [](const Config& config) { return titan::pos::api_address_in(config.data); }});
}
