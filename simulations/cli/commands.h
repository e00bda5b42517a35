// The sub-commands of titan-sim. Each add_ function describes one to CLI11; when it was chosen,
// `action` is set to what is to be done, which gives the exit code.
//
// Exit codes: 0 all is well; 1 something failed, or was not caught; 2 a file or option is wrong.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace titan::simulations {

using Action = std::function<int()>;

inline constexpr int exit_good = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_wrong_input = 2;

void add_run(CLI::App& app, Action& action);
void add_explore(CLI::App& app, Action& action);
void add_shrink(CLI::App& app, Action& action);
void add_suite(CLI::App& app, Action& action);
void add_list(CLI::App& app, Action& action);
void add_show(CLI::App& app, Action& action);
void add_incident(CLI::App& app, Action& action);
void add_judge(CLI::App& app, Action& action);

}  // namespace titan::simulations
