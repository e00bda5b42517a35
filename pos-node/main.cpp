// titan-pos: the terminal's daemon and its command line.
#include "pos-node/cli/command_line.h"
#include "pos-node/daemon.h"

int main(int argc, char** argv) {
  return titan::pos::run_command_line(argc, argv, titan::pos::run_daemon);
}
