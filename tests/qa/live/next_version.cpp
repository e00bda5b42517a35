// titan-pos-next: titan-pos as its next version would speak, for scenarios on real processes in
// which two versions run at once. Test-only; everything but the codec is the product's.
#include "pos-node/cli/command_line.h"
#include "pos-node/daemon.h"
#include "pos-node/storage/unsent.h"
#include "simulations/model/codecs.h"

int main(int argc, char** argv) {
  const titan::simulations::NextVersionCodec codec;
  using titan::pos::Config;
  return titan::pos::run_command_line(
      argc, argv,
      {[&codec](const Config& config) { return titan::pos::run_daemon(config, codec); },
       [&codec](const Config& config) { return titan::pos::tell_unsent(config, codec); }});
}
