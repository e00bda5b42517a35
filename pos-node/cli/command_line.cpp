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

class CommandLine {
 public:
  explicit CommandLine(const HostCommands& host) : host_(host) {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", std::string("titan-pos ") + program_version);
    add_setup();
    add_daemon();
    add_looks();
    add_sale();
    add_products();
    add_move_in();
    add_stock_movements();
    add_journal();
  }

  int run(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      const int parse_code = app_.exit(error);
      return parse_code == 0 ? exit_done : exit_usage;
    }
    return code_;
  }

 private:
  void add_setup();
  void add_daemon();
  void add_looks();
  void add_sale();
  void add_products();
  void add_move_in();
  void add_stock_movements();
  void add_journal();

  // A command that reads the configuration.
  void add_with_config(const char* name, const char* what, std::function<int(const Config&)> work);
  // A command that speaks to a running terminal; its options are added by the caller, those of the
  // API by add_api_options().
  CLI::App* add_with_terminal(CLI::App& parent, const char* name, const char* what,
                              std::function<int(Commands&)> work);
  void add_api_options(CLI::App& command);

  const HostCommands& host_;
  CLI::App app_{"titan-pos: one till of a Titan Mesh store", "titan-pos"};
  Arguments arguments_;
  Console console_{std::cout, std::cerr, Console::wants_colours()};
  int code_ = exit_done;  // of the command that ran
};

void CommandLine::add_with_config(const char* name, const char* what,
                                  std::function<int(const Config&)> work) {
  auto* command = app_.add_subcommand(name, what);
  command->add_option("--config", arguments_.config, "its configuration (TOML)")
      ->capture_default_str();
  command->callback([this, work = std::move(work)] {
    const auto config = load_config(arguments_.config);
    if (config) {
      code_ = work(*config);
      return;
    }
    console_.fail("the configuration cannot be used:\n" + config.error().message);
    code_ = exit_usage;
  });
}

CLI::App* CommandLine::add_with_terminal(CLI::App& parent, const char* name, const char* what,
                                         std::function<int(Commands&)> work) {
  auto* command = parent.add_subcommand(name, what);
  command->callback([this, work = std::move(work)] {
    const auto address = parse_host_port(arguments_.api);
    if (!address) {
      console_.fail("--api " + address.error().message);
      code_ = exit_usage;
      return;
    }
    Commands commands(*address, console_, arguments_.json);
    code_ = work(commands);
  });
  return command;
}

void CommandLine::add_api_options(CLI::App& command) {
  command.add_option("--api", arguments_.api, "where the terminal's API answers")
      ->capture_default_str();
  command.add_flag("--json", arguments_.json, "print the API's answer instead of a table");
}

void CommandLine::add_setup() {
  SetupWishes& wishes = arguments_.setup;
  auto* setup = app_.add_subcommand(
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
  setup->callback([this, &wishes] {
    wishes.asks = ::isatty(STDIN_FILENO) == 1;
    code_ = Setup(wishes, console_, std::cin, host_.check_machine).run();
  });
}

void CommandLine::add_daemon() {
  add_with_config("run", "run this terminal until it is told to stop", host_.run);
  add_with_config("check", "say all that is wrong with a configuration, and with this machine",
                  [this](const Config& config) {
                    return check_config(config, host_.check_machine(config), console_);
                  });
  add_with_config(
      "reload", "let the running terminal read its configuration again, and say what took effect",
      [this](const Config& config) {
        std::string address = config.api_listen;
        if (host_.api_address) address = host_.api_address(config).value_or(address);
        return Commands(parse_host_port(address).value(), console_, arguments_.json).reload();
      });
  add_with_config("unsent", "how many entries of a stopped terminal head office does not have",
                  host_.unsent);
  app_.add_subcommand("keygen", "print a new store secret")->callback([this] {
    console_.line(make_store_secret());
  });
}

void CommandLine::add_looks() {
  add_api_options(
      *add_with_terminal(app_, "status", "what this terminal knows and does", &Commands::status));
  add_api_options(
      *add_with_terminal(app_, "peers", "the terminals of the store", &Commands::peers));
}

void CommandLine::add_sale() {
  SaleCommand& sale = arguments_.sale;
  sale.method = "cash";
  auto* sell =
      add_with_terminal(app_, "sell", "sell articles: 85123A x2, 85123A@2.50, 85123A x2@2.50",
                        [&sale](Commands& commands) { return commands.sell(sale); });
  sell->add_option("article", sale.words,
                   "an article; behind it its quantity (x2, 2x, x 2) and price (@2.50)");
  sell->add_option("--sku", sale.skus, "an article taken as it is, should it be called \"x2\"")
      ->allow_extra_args(false);
  sell->add_option("--quantity", sale.quantities, "how many of it, one for each --sku")
      ->allow_extra_args(false);
  sell->add_option("--pay", sale.method, "how it is paid")->capture_default_str();
  sell->add_option("--cashier", sale.cashier, "who sells (a pseudonym)");
  add_api_options(*sell);

  auto* stock =
      add_with_terminal(app_, "stock", "stock of one article or of all",
                        [this](Commands& commands) { return commands.stock(arguments_.sku); });
  stock->add_option("sku", arguments_.sku, "the article");
  add_api_options(*stock);
}

void CommandLine::add_products() {
  auto* products = app_.add_subcommand("products", "the articles: take in a list, look");
  products->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, std::function<int(Commands&)> work) {
    auto* command = add_with_terminal(*products, name, what, std::move(work));
    add_api_options(*command);
    return command;
  };
  ProductFile& file = arguments_.products;
  auto* import = add("import", "take in a list of articles, CSV or JSON",
                     [&file](Commands& commands) { return commands.import_products(file); });
  import->add_option("file", file.path, "the list; - reads standard input")->required();
  import
      ->add_option("--mode", file.mode,
                   "update: what the list does not name stays; replace: the list is all there is")
      ->check(CLI::IsMember({"update", "replace"}))
      ->capture_default_str();
  import->add_option("--charset", file.charset, "of a CSV that is not UTF-8, such as windows-1252");
  auto* list = add("list", "all articles, or those that a text finds",
                   [this](Commands& commands) { return commands.list_products(arguments_.text); });
  list->add_option("text", arguments_.text, "part of a number, name or barcode");
  auto* show = add("show", "one article",
                   [this](Commands& commands) { return commands.show_product(arguments_.sku); });
  show->add_option("sku", arguments_.sku, "the article")->required();
}

void CommandLine::add_move_in() {
  MoveInCommand& wanted = arguments_.move_in;
  auto* command =
      add_with_terminal(app_, "import-v01", "move in what a till of v0.1 sold and had",
                        [&wanted](Commands& commands) { return commands.import_v01(wanted); });
  command->add_option("file", wanted.path, "its SQLite file")->required();
  command->add_flag("--dry-run", wanted.dry_run, "say what would be done, do nothing");
  command->add_flag("--undo", wanted.undo,
                    "take it all back, as long as this till has sold nothing since");
  command->add_flag("--leave-out-faults", wanted.leave_out_faults,
                    "move in what fits, leave the rest behind");
  command->add_flag("--overwrite-products", wanted.overwrite_products,
                    "take the file's word for articles that are here and differ");
  command->add_option("--report", wanted.report, "write every fault into this file");
  add_api_options(*command);
}

void CommandLine::add_stock_movements() {
  const auto add =
      [this](const char* name, const char* what,
             int (Commands::*work)(const std::string&, const std::string&, const std::string&)) {
        return add_with_terminal(app_, name, what, [this, work](Commands& commands) {
          return (commands.*work)(arguments_.sku, arguments_.quantity, arguments_.text);
        });
      };
  auto* receive = add("receive", "book a delivery", &Commands::receive);
  receive->add_option("sku", arguments_.sku, "the article")->required();
  receive->add_option("quantity", arguments_.quantity, "how many came")->required();
  receive->add_option("--document", arguments_.text, "the delivery note");
  add_api_options(*receive);

  auto* adjust = add("adjust", "correct the stock by +N or -N", &Commands::adjust);
  adjust->add_option("sku", arguments_.sku, "the article")->required();
  adjust->add_option("quantity", arguments_.quantity, "+N or -N")->required();
  adjust->add_option("--reason", arguments_.text, "why");
  add_api_options(*adjust);
}

void CommandLine::add_journal() {
  auto* journal = app_.add_subcommand("journal", "the journals of the store");
  journal->require_subcommand(1);
  add_api_options(*add_with_terminal(
      *journal, "verify", "check every entry: hash, chain, signature, receipts without gaps",
      &Commands::verify_journals));
}

}  // namespace

int run_command_line(int argc, const char* const* argv, const HostCommands& host) {
  return CommandLine(host).run(argc, argv);
}

}  // namespace titan::pos
