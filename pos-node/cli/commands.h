// The commands that speak to a running terminal. Each returns the process's exit code.
#pragma once

#include <string>
#include <vector>

#include "pos-node/cli/client.h"
#include "pos-node/cli/console.h"
#include "pos-node/cli/move_in_command.h"
#include "pos-node/cli/sale_words.h"
#include "pos-node/config/exit_codes.h"

namespace titan::pos {

// A request whose outcome is unknown is repeated with the same key this often.
inline constexpr int repeats_max = 3;

struct SaleCommand {
  std::vector<std::string> words;  // see pos-node/cli/sale_words.h
  std::vector<std::string> skus;   // articles taken as they are
  std::vector<std::string> quantities;
  std::string method;
  std::string cashier;
};

struct ProductFile {
  std::string path;  // "-": standard input
  std::string mode = "update";
  std::string charset;  // empty: the till finds out
};

class Commands {
 public:
  Commands(HostPort api, Console& console, bool json)
      : api_(api), client_(std::move(api)), console_(console), json_(json) {}

  int status();
  int peers();
  int reload();
  int sell(const SaleCommand& sale);
  int stock(const std::string& sku);  // empty: all
  int receive(const std::string& sku, const std::string& quantity, const std::string& document);
  int adjust(const std::string& sku, const std::string& quantity, const std::string& reason);
  int verify_journals();
  int import_products(const ProductFile& file);
  int list_products(const std::string& query);  // empty: all
  int show_product(const std::string& sku);
  int import_v01(const MoveInCommand& command);

 private:
  // Shows why not, or gives the answer's JSON.
  std::optional<json::value> get(const std::string& target);
  std::optional<json::value> post(const std::string& target, const std::string& body);
  std::optional<json::value> take(const Result<HttpReply>& reply);
  std::optional<bool> is_known(const std::string& sku);
  bool settle(SaleWord& line);
  int move_stock(const std::string& target, const std::string& sku, const std::string& quantity,
                 const std::string& name, const std::string& text);
  void print_members(const json::value& status);
  void print_waiting(const json::value& status);
  void print_health(const json::value& status);
  void print_alarms(const json::value& status);
  void print_import(const json::value& answer);
  void print_receipt(const json::value& sale);

  const HostPort api_;
  ApiClient client_;
  Console& console_;
  bool json_;
  std::vector<std::string> articles_;  // of the lines of the request under way
};

}  // namespace titan::pos
