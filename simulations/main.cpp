// titan-sim: a store in virtual time. See docs/SIMULATION.md.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "simulations/cli/commands.h"

int main(int argc, char** argv) {
  using namespace titan::simulations;
  CLI::App app("Runs scenarios of a store in virtual time and judges them", "titan-sim");
  app.require_subcommand(1);
  Action action;
  add_run(app, action);
  add_suite(app, action);
  add_explore(app, action);
  add_shrink(app, action);
  add_incident(app, action);
  add_judge(app, action);
  add_show(app, action);
  add_list(app, action);
  try {
    app.parse(argc, argv);
    return action();
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? exit_good : exit_wrong_input;
  } catch (const std::exception& error) {
    std::cerr << "titan-sim: " << error.what() << '\n';
    return exit_failed;
  }
}
