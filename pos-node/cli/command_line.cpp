#include "pos-node/cli/command_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/version.h"
#include "pos-node/cli/commands.h"
#include "pos-node/cli/setup.h"
#include "pos-node/domain/zone_news.h"

namespace titan::pos {
namespace {

struct Arguments {
  std::string config = "/etc/titan-pos/titan-pos.toml";
  SetupWishes setup;
  std::string api = "127.0.0.1:8410";
  bool json = false;
  SaleCommand sale;
  ProductFile products;
  MoveInCommand move_in;
  std::string sku;
  std::string quantity;
  std::string text;
};

void add_api_options(CLI::App& command, Arguments& arguments) {
  command.add_option("--api", arguments.api, "where the terminal's API answers")
      ->capture_default_str();
  command.add_flag("--json", arguments.json, "print the API's answer instead of a table");
}

int with_config(const Arguments& arguments, Console& console,
                const std::function<int(const Config&)>& work) {
  const auto config = load_config(arguments.config);
  if (config) return work(*config);
  console.fail("the configuration cannot be used:\n" + config.error().message);
  return exit_usage;
}

int with_terminal(const Arguments& arguments, Console& console,
                  const std::function<int(Commands&)>& work) {
  const auto address = parse_host_port(arguments.api);
  if (!address) {
    console.fail("--api " + address.error().message);
    return exit_usage;
  }
  Commands commands(*address, console, arguments.json);
  return work(commands);
}

int check_config(const Config& config, const MachineReport& machine, Console& console) {
  for (const std::string& warning : machine.warnings) console.warn(warning);
  for (const std::string& problem : machine.problems) console.fail(problem);
  console.out() << describe_config(config);
  const auto calendar = StoreCalendar::make(config.time_zone, config.day_ends);
  if (calendar) {
    const std::string data = zone_data_version();
    console.out() << "# time zone: " << calendar->zone() << ", zone data "
                  << (data.empty() ? "of unknown age" : data) << "\n";
    if (const auto old = zone_data_complaint(*calendar)) {
      console.out() << "# warning: " << *old << "\n";
    }
  }
  return machine.problems.empty() ? exit_done : exit_usage;
}

void add_setup(CLI::App& app, Arguments& arguments, Console& console, const HostCommands& host,
               int& code) {
  SetupWishes& wishes = arguments.setup;
  auto* setup = app.add_subcommand(
      "setup", "write this till's configuration, start it, wait until it is joined");
  const auto add = [&](const char* option, const char* key, const char* what) {
    setup->add_option_function<std::string>(
        option, [&wishes, key](const std::string& text) { wishes.values[key] = text; }, what);
  };
  setup->add_option("--store-file", wishes.store_file,
                    "the store.toml of another till, or what head office hands out");
  setup->add_flag("--first-till", wishes.first_till, "make the store's secret");
  add("--tenant", "store.tenant", "the company");
  add("--store", "store.store", "the store");
  add("--secret", "store.secret", "the store's secret; rather bring it in a file");
  add("--currency", "store.currency", "of its prices: EUR, GBP ...");
  add("--country", "store.country", "for the rounding of cash: CH, NL ...");
  add("--time-zone", "store.time_zone", "Europe/Berlin ...; left out: this machine's");
  add("--cloud-url", "cloud.url", "head office: wss://cloud.example.com/v1/uplink");
  add("--cloud-access-key", "cloud.access_key", "as head office handed it out");
  add("--cloud-public-key", "cloud.public_key", "as head office handed it out");
  add("--name", "terminal.name", "of this till, for receipts and staff");
  add("--data", "terminal.data", "folder for its sales; left out: /var/lib/titan-pos");
  add("--api", "api.listen", "where the till screen reaches it; left out: 127.0.0.1:8410");
  add("--mesh", "mesh.listen", "where the other tills reach it; left out: 0.0.0.0:7411");
  setup
      ->add_option("--leads", wishes.leads,
                   "whether it is the store's server: first (rather than the others: a PC in the "
                   "back office), never")
      ->check(CLI::IsMember({"first", "never"}));
  setup->add_option("--folder", wishes.folder, "where the configuration is kept")
      ->capture_default_str();
  setup->add_flag("--anew", wishes.anew, "although it is set up; the former files are kept");
  setup->add_flag_callback(
      "--no-start", [&wishes] { wishes.start = false; }, "only write the configuration");
  setup->callback([&] {
    wishes.asks = ::isatty(STDIN_FILENO) == 1;
    code = Setup(wishes, console, std::cin, host.check_machine).run();
  });
}

void add_product_commands(CLI::App& app, Arguments& arguments, Console& console, int& code) {
  auto* products = app.add_subcommand("products", "the articles: take in a list, look");
  products->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, int (*work)(Commands&, Arguments&)) {
    auto* command = products->add_subcommand(name, what);
    add_api_options(*command, arguments);
    command->callback([&arguments, &console, &code, work] {
      code = with_terminal(arguments, console, [&arguments, work](Commands& commands) {
        return work(commands, arguments);
      });
    });
    return command;
  };
  auto* import = add("import", "take in a list of articles, CSV or JSON",
                     [](Commands& commands, Arguments& given) {
                       return commands.import_products(given.products);
                     });
  import->add_option("file", arguments.products.path, "the list; - reads standard input")
      ->required();
  import
      ->add_option("--mode", arguments.products.mode,
                   "update: what the list does not name stays; replace: the list is all there is")
      ->check(CLI::IsMember({"update", "replace"}))
      ->capture_default_str();
  import->add_option("--charset", arguments.products.charset,
                     "of a CSV that is not UTF-8, such as windows-1252");
  auto* list =
      add("list", "all articles, or those that a text finds",
          [](Commands& commands, Arguments& given) { return commands.list_products(given.text); });
  list->add_option("text", arguments.text, "part of a number, name or barcode");
  auto* show = add("show", "one article", [](Commands& commands, Arguments& given) {
    return commands.show_product(given.sku);
  });
  show->add_option("sku", arguments.sku, "the article")->required();
}

void add_move_in_command(CLI::App& app, Arguments& arguments, Console& console, int& code) {
  auto* command = app.add_subcommand("import-v01", "move in what a till of v0.1 sold and had");
  command->add_option("file", arguments.move_in.path, "its SQLite file")->required();
  command->add_flag("--dry-run", arguments.move_in.dry_run, "say what would be done, do nothing");
  command->add_flag("--undo", arguments.move_in.undo,
                    "take it all back, as long as this till has sold nothing since");
  command->add_flag("--leave-out-faults", arguments.move_in.leave_out_faults,
                    "move in what fits, leave the rest behind");
  command->add_flag("--overwrite-products", arguments.move_in.overwrite_products,
                    "take the file's word for articles that are here and differ");
  command->add_option("--report", arguments.move_in.report, "write every fault into this file");
  add_api_options(*command, arguments);
  command->callback([&arguments, &console, &code] {
    code = with_terminal(arguments, console, [&arguments](Commands& commands) {
      return commands.import_v01(arguments.move_in);
    });
  });
}

}  // namespace

int run_command_line(int argc, const char* const* argv, const HostCommands& host) {
  CLI::App app("titan-pos: one till of a Titan Mesh store", "titan-pos");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("titan-pos ") + program_version);
  Arguments arguments;
  Console console(std::cout, std::cerr, Console::wants_colours());
  int code = exit_done;
  const auto terminal = [&](int (Commands::*work)()) {
    return [&, work] {
      code = with_terminal(arguments, console,
                           [work](Commands& commands) { return (commands.*work)(); });
    };
  };

  const auto add_config = [&](CLI::App& command) {
    command.add_option("--config", arguments.config, "its configuration (TOML)")
        ->capture_default_str();
  };

  add_setup(app, arguments, console, host, code);

  auto* run_command = app.add_subcommand("run", "run this terminal until it is told to stop");
  add_config(*run_command);
  run_command->callback([&] { code = with_config(arguments, console, host.run); });

  auto* check = app.add_subcommand(
      "check", "say all that is wrong with a configuration, and with this machine");
  add_config(*check);
  check->callback([&] {
    code = with_config(arguments, console, [&](const Config& config) {
      return check_config(config, host.check_machine(config), console);
    });
  });

  auto* reload = app.add_subcommand(
      "reload", "let the running terminal read its configuration again, and say what took effect");
  add_config(*reload);
  reload->callback([&] {
    code = with_config(arguments, console, [&](const Config& config) {
      std::string address = config.api_listen;
      if (host.api_address) address = host.api_address(config).value_or(address);
      return Commands(parse_host_port(address).value(), console, arguments.json).reload();
    });
  });

  auto* unsent = app.add_subcommand(
      "unsent", "how many entries of a stopped terminal head office does not have");
  add_config(*unsent);
  unsent->callback([&] { code = with_config(arguments, console, host.unsent); });

  app.add_subcommand("keygen", "print a new store secret")->callback([&] {
    console.line(make_store_secret());
  });

  auto* status = app.add_subcommand("status", "what this terminal knows and does");
  add_api_options(*status, arguments);
  status->callback(terminal(&Commands::status));

  auto* peers = app.add_subcommand("peers", "the terminals of the store");
  add_api_options(*peers, arguments);
  peers->callback(terminal(&Commands::peers));

  auto* sell = app.add_subcommand("sell", "sell articles: 85123A x2, 85123A@2.50, 85123A x2@2.50");
  arguments.sale.method = "cash";
  sell->add_option("article", arguments.sale.words,
                   "an article; behind it its quantity (x2, 2x, x 2) and price (@2.50)");
  sell->add_option("--sku", arguments.sale.skus,
                   "an article taken as it is, should it be called \"x2\"")
      ->allow_extra_args(false);
  sell->add_option("--quantity", arguments.sale.quantities, "how many of it, one for each --sku")
      ->allow_extra_args(false);
  sell->add_option("--pay", arguments.sale.method, "how it is paid")->capture_default_str();
  sell->add_option("--cashier", arguments.sale.cashier, "who sells (a pseudonym)");
  add_api_options(*sell, arguments);
  sell->callback([&] {
    code = with_terminal(arguments, console,
                         [&](Commands& commands) { return commands.sell(arguments.sale); });
  });

  auto* stock = app.add_subcommand("stock", "stock of one article or of all");
  stock->add_option("sku", arguments.sku, "the article");
  add_api_options(*stock, arguments);
  stock->callback([&] {
    code = with_terminal(arguments, console,
                         [&](Commands& commands) { return commands.stock(arguments.sku); });
  });

  add_product_commands(app, arguments, console, code);
  add_move_in_command(app, arguments, console, code);

  auto* receive = app.add_subcommand("receive", "book a delivery");
  receive->add_option("sku", arguments.sku, "the article")->required();
  receive->add_option("quantity", arguments.quantity, "how many came")->required();
  receive->add_option("--document", arguments.text, "the delivery note");
  add_api_options(*receive, arguments);
  receive->callback([&] {
    code = with_terminal(arguments, console, [&](Commands& commands) {
      return commands.receive(arguments.sku, arguments.quantity, arguments.text);
    });
  });

  auto* adjust = app.add_subcommand("adjust", "correct the stock by +N or -N");
  adjust->add_option("sku", arguments.sku, "the article")->required();
  adjust->add_option("quantity", arguments.quantity, "+N or -N")->required();
  adjust->add_option("--reason", arguments.text, "why");
  add_api_options(*adjust, arguments);
  adjust->callback([&] {
    code = with_terminal(arguments, console, [&](Commands& commands) {
      return commands.adjust(arguments.sku, arguments.quantity, arguments.text);
    });
  });

  auto* journal = app.add_subcommand("journal", "the journals of the store");
  journal->require_subcommand(1);
  auto* verify = journal->add_subcommand(
      "verify", "check every entry: hash, chain, signature, receipts without gaps");
  add_api_options(*verify, arguments);
  verify->callback(terminal(&Commands::verify_journals));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int parse_code = app.exit(error);
    return parse_code == 0 ? exit_done : exit_usage;
  }
  return code;
}

}  // namespace titan::pos
