// The commands that speak to a running terminal. Each returns the process's exit code.
#pragma once

#include <string>
#include <vector>

#include "pos-node/cli/client.h"
#include "pos-node/cli/console.h"

namespace titan::pos {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

// A request whose outcome is unknown is repeated with the same key this often.
inline constexpr int repeats_max = 3;

class Commands {
 public:
  Commands(HostPort api, Console& console, bool json)
      : client_(std::move(api)), console_(console), json_(json) {}

  int status();
  int peers();
  // Each article "SKU", "SKUxN" or "SKUxN@PRICE".
  int sell(const std::vector<std::string>& articles, const std::string& method,
           const std::string& cashier);
  int stock(const std::string& sku);  // empty: all
  int receive(const std::string& sku, const std::string& quantity, const std::string& document);
  int adjust(const std::string& sku, const std::string& quantity, const std::string& reason);
  int verify_journals();

 private:
  // Shows why not, or gives the answer's JSON.
  std::optional<json::value> get(const std::string& target);
  std::optional<json::value> post(const std::string& target, const std::string& body);
  std::optional<json::value> take(const Result<HttpReply>& reply);
  std::optional<std::string> line_json(const std::string& article);
  int move_stock(const std::string& target, const std::string& sku, const std::string& quantity,
                 const std::string& name, const std::string& text);
  void print_members(const json::value& status);
  void print_alarms(const json::value& status);
  void print_receipt(const json::value& sale);

  ApiClient client_;
  Console& console_;
  bool json_;
};

}  // namespace titan::pos
