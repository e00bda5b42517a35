// titan-sim: a store in virtual time. See docs/SIMULATION.md.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "simulations/cli/commands.h"
#include "simulations/scenario/words.h"

namespace {

// CLI11 would only say that a command is required. Options in front of it are its own matter.
bool is_command(const CLI::App& app, const std::string& word) {
  std::vector<std::string_view> known;
  for (const auto* command : app.get_subcommands({})) {
    known.push_back(command->get_name());
    if (command->get_name() == word) return true;
  }
  if (word.starts_with("-")) return true;
  std::cerr << "titan-sim: there is no command '" << word << "'"
            << titan::simulations::did_you_mean(word, known) << "; --help names them all\n";
  return false;
}

}  // namespace

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
  if (argc > 1 && !is_command(app, argv[1])) return exit_wrong_input;
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
