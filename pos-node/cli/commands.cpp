#include "pos-node/cli/commands.h"

#include <sodium.h>

#include <map>

#include "base/hex.h"
#include "pos-node/cli/error_words.h"
#include "pos-node/json/json_writer.h"
#include "retail/money.h"

namespace titan::pos {

using namespace titan::retail;
namespace {

constexpr std::size_t description_width_max = 40;

std::string new_key() {
  char bytes[12];
  randombytes_buf(bytes, sizeof bytes);
  return "cli-" + to_hex({bytes, sizeof bytes});
}

Colour colour_of_state(const std::string& state) {
  if (state == "alive" || state == "up" || state == "in_stock" || state == "ok") {
    return Colour::green;
  }
  if (state == "suspect" || state == "low" || state == "connecting" || state == "filling" ||
      state == "starting" || state == "out_of_stock" || state == "degraded") {
    return Colour::yellow;
  }
  if (state == "dead" || state == "failed" || state == "failing" || state == "refused" ||
      state == "back_order") {
    return Colour::red;
  }
  return Colour::plain;
}

std::string in_words(std::string state) {
  std::replace(state.begin(), state.end(), '_', ' ');
  return state;
}

std::string keys_in(const json::value& list) {
  std::string keys;
  for (const json::value& item : list.is_array() ? list.get_array() : json::array()) {
    keys += (keys.empty() ? "" : ", ") + text_at(item, "");
  }
  return keys;
}

// "4 of 5 tills are here".
std::string store_words(const json::value& status) {
  std::size_t here = 0;
  const json::value& members = member_at(status, "members");
  for (const json::value& member : members.is_array() ? members.get_array() : json::array()) {
    const std::string state = text_at(member, "state");
    here += state == "alive" || state == "suspect" ? 1 : 0;
  }
  std::size_t missing = 0;
  const json::value& reasons = member_at(status, "health.reasons");
  for (const json::value& reason : reasons.is_array() ? reasons.get_array() : json::array()) {
    const json::value& terminals = member_at(reason, "terminals");
    missing += terminals.is_array() ? terminals.get_array().size() : 0;
  }
  return std::to_string(here) + " of " + std::to_string(here + missing) + " tills are here";
}

// What a flag of an entry means to the person at the till.
std::string explain_flag(const std::string& flag) {
  static const std::map<std::string, std::string> texts = {
      {"unknown_product", "not in the product table"},
      {"delisted", "no longer in the range"},
      {"negative_line", "an exchange: comes back"},
      {"zero_price", "costs nothing"},
      {"negative_price", "has a price below zero"},
      {"gtin_check_digit", "barcode with a wrong check digit"},
      {"gtin_length", "barcode of an odd length"},
      {"gtin_format", "barcode with other characters than digits"},
      {"gtin_shared", "several articles have this barcode; the till chose"},
      {"label_value", "quantity or price taken from the label"},
      {"label_check_digit", "the label's price or weight was misread"},
      {"scan_incomplete", "part of the symbol could not be read"},
      {"unit_converted", "quantity converted to the article's unit"},
      {"expired", "past its expiry date"},
      {"refunded_more_than_sold", "more came back than was sold"},
  };
  const auto at = texts.find(flag);
  return at == texts.end() ? in_words(flag) : at->second;
}

// Null: there is no such list, or nothing in it.
const json::array* items_at(const json::value& value, std::string_view path) {
  const json::array* items = member_at(value, path).if_array();
  return items && !items->empty() ? items : nullptr;
}

// " since 2026-11-30T00:53:20Z: Look at the cable"
std::string since_and_message(const json::value& item) {
  const std::string since = text_at(item, "since");
  return (since.empty() ? "" : " since " + since) + ": " + text_at(item, "message");
}

}  // namespace

std::optional<json::value> Commands::take(const Result<HttpReply>& reply) {
  if (!reply) {
    console_.fail(reply.error().message);
    return std::nullopt;
  }
  json::error_code error;
  auto body = json::parse(reply->body, error);
  if (error) {
    console_.fail("The answer is not JSON; is this the API of a titan-pos?");
    return std::nullopt;
  }
  if (reply->is_success()) {
    if (json_) console_.line(reply->body);
    return body;
  }
  if (json_) console_.line(reply->body);
  const std::string message = error_words(body, articles_);
  console_.fail(message.empty() ? "refused with status " + std::to_string(reply->status) : message);
  for (const std::string& fault : fault_lines(body)) console_.fail("  " + fault);
  return std::nullopt;
}

std::optional<json::value> Commands::get(const std::string& target) {
  return take(client_.get(target));
}

std::optional<json::value> Commands::post(const std::string& target, const std::string& body) {
  for (int attempt = 1;; ++attempt) {
    const auto reply = client_.post(target, body);
    const bool unknown = reply ? reply->status == 503
                               : reply.error().code == ErrorCode::unknown_outcome ||
                                     reply.error().code == ErrorCode::io;
    if (!unknown || attempt == repeats_max) return take(reply);
  }
}

int Commands::status() {
  const auto status = get("/v1/status");
  if (!status) return exit_failed;
  if (json_) return exit_done;
  const auto field = [&](const char* path) { return text_at(*status, path); };
  console_.line(console_.paint(field("terminal"), Colour::bold) + " of store " + field("store") +
                " (" + field("tenant") + "), " + field("role") + ", version " + field("version"));
  const std::string leader = field("leader.terminal");
  const auto show = [&](const std::string& name, const std::string& text,
                        const std::string& state) {
    console_.line("  " + name + std::string(15 - name.size(), ' ') +
                  console_.paint(text, colour_of_state(state)));
  };
  if (member_at(*status, "leader").is_null()) {
    show("leader", "none", "failed");
  } else {
    show("leader", leader + ", term " + field("leader.term"), "");
  }
  show("store", store_words(*status), field("health.status"));
  show("entries", field("vector.entries") + " stored, stock digest " + field("stock_digest"), "");
  show("cloud",
       in_words(field("uplink.state")) + ", " + field("pending_uploads") + " entries pending" +
           (field("uplink.message").empty() ? "" : ": " + field("uplink.message")),
       field("uplink.state"));
  const std::string progress = field("store_database.state") == "filling"
                                   ? " (" + field("store_database.behind") + " entries behind)"
                                   : "";
  show("store database",
       in_words(field("store_database.state")) + progress +
           (field("store_database.message").empty() ? "" : ": " + field("store_database.message")),
       field("store_database.state"));
  show("clock",
       field("clock.quality") + ", at most " + field("clock.max_skew_ms") + " ms off the others",
       field("clock.quality") == "synchronised" ? "ok" : "low");
  if (const std::string keys = keys_in(member_at(*status, "restart_needed_for")); !keys.empty()) {
    show("restart", "needed for changed settings: " + keys, "degraded");
  }
  print_health(*status);
  print_waiting(*status);
  console_.line("");
  print_members(*status);
  print_alarms(*status);
  return exit_done;
}

void Commands::print_members(const json::value& status) {
  Table table({"terminal", "state", "", "address", "round trip", "clock"});
  const json::value& members = member_at(status, "members");
  if (!members.is_array()) return;
  const std::string leader = text_at(status, "leader.process");
  for (const json::value& member : members.get_array()) {
    const std::string state = text_at(member, "state");
    std::string marks = text_at(member, "process") == leader ? "leader" : "";
    if (text_at(member, "self") == "true") marks += marks.empty() ? "this one" : ", this one";
    const std::string round_trip = text_at(member, "round_trip_ms");
    const std::string skew = text_at(member, "clock_skew_ms");
    table.add({{text_at(member, "terminal"), Colour::bold},
               {state, colour_of_state(state)},
               {marks},
               {text_at(member, "addresses.0")},
               {round_trip.empty() ? "" : round_trip + " ms", Colour::plain, true},
               {skew.empty() ? "" : skew + " ms", Colour::plain, true}});
  }
  table.print(console_);
}

void Commands::print_health(const json::value& status) {
  const json::array* reasons = items_at(status, "health.reasons");
  if (!reasons) return;
  console_.line("");
  for (const json::value& reason : *reasons) {
    console_.line(console_.paint(in_words(text_at(reason, "code")), Colour::red) +
                  since_and_message(reason));
  }
}

void Commands::print_waiting(const json::value& status) {
  const json::array* waits = items_at(status, "waiting_for");
  if (!waits) return;
  console_.line("");
  for (const json::value& wait : *waits) {
    console_.line(console_.paint("waiting for " + in_words(text_at(wait, "what")), Colour::yellow) +
                  since_and_message(wait));
  }
}

void Commands::print_alarms(const json::value& status) {
  const json::array* alarms = items_at(status, "alarms");
  if (!alarms) return;
  console_.line("");
  for (const json::value& alarm : *alarms) {
    console_.line(console_.paint("alarm ", Colour::red) + text_at(alarm, "time") + "  " +
                  text_at(alarm, "message"));
  }
}

int Commands::reload() {
  const auto answer = post("/v1/reload", "{}");
  if (!answer) return exit_failed;
  if (json_) return exit_done;
  const std::string applied = keys_in(member_at(*answer, "applied"));
  const std::string needs_restart = keys_in(member_at(*answer, "needs_restart"));
  if (applied.empty() && needs_restart.empty()) console_.line("nothing has changed");
  if (!applied.empty()) console_.line("in force: " + applied);
  if (!needs_restart.empty()) {
    console_.line(
        console_.paint("takes a restart (systemctl restart titan-pos): ", Colour::yellow) +
        needs_restart);
  }
  return exit_done;
}

int Commands::peers() {
  const auto status = get("/v1/status");
  if (!status) return exit_failed;
  if (!json_) print_members(*status);
  return exit_done;
}

std::optional<bool> Commands::is_known(const std::string& sku) {
  const auto known = client_.get("/v1/products/" + percent_encode(sku));
  if (known) return known->status != 404;
  console_.fail(known.error().message);
  return std::nullopt;
}

// Articles may be called "BOX2" or "x2": the product table decides what a word means, and where it
// cannot, nothing is sold.
bool Commands::settle(SaleWord& line) {
  if (!line.between.empty()) {
    const auto known = is_known(line.between);
    if (!known) return false;
    if (*known) {
      console_.fail("\"" + line.between + "\" is an article of its own here. Write " + line.sku +
                    "x" + line.quantity + " for " + line.quantity + " of " + line.sku +
                    ", or --sku " + line.sku + " --sku " + line.between + " for both articles.");
      return false;
    }
  }
  if (line.embedded_quantity.empty()) return true;
  const auto known = is_known(line.sku);
  if (!known) return false;
  if (*known) return true;
  if (!line.quantity.empty()) {
    console_.fail(line.sku + " " + line.between +
                  " has two quantities; give one, or name the "
                  "article a second time.");
    return false;
  }
  line.sku = line.embedded_sku;
  line.quantity = line.embedded_quantity;
  return true;
}

int Commands::sell(const SaleCommand& sale) {
  auto lines = read_sale_words(sale.words);
  auto plain = read_plain_articles(sale.skus, sale.quantities);
  for (const auto* read : {&lines, &plain}) {
    if (*read) continue;
    console_.fail(read->error().message);
    return exit_usage;
  }
  lines->insert(lines->end(), plain->begin(), plain->end());
  if (lines->empty()) {
    console_.fail("Say what is sold, as in `titan-pos sell 85123A x2`.");
    return exit_usage;
  }
  articles_.clear();
  JsonWriter writer;
  writer.begin_object().member("idempotency_key", new_key()).member("cashier", sale.cashier);
  writer.key("lines").begin_array();
  for (SaleWord& line : *lines) {
    if (!settle(line)) return exit_failed;
    articles_.push_back(line.sku);
    writer.begin_object().member("sku", line.sku);
    writer.member("quantity", line.quantity.empty() ? "1" : line.quantity);
    if (!line.price.empty()) writer.member("charged_unit_price", line.price);
    writer.end_object();
  }
  writer.end_array().key("payments").begin_array();
  writer.begin_object().member("method", sale.method).end_object().end_array().end_object();
  const auto sold = post("/v1/sales", writer.text());
  if (!sold) return exit_failed;
  if (!json_) print_receipt(*sold);
  return exit_done;
}

void Commands::print_receipt(const json::value& sale) {
  console_.line(console_.paint(text_at(sale, "receipt"), Colour::bold) + "  " +
                text_at(sale, "time"));
  Table table({"article", "", "quantity", "price", "total", ""});
  const json::value& lines = member_at(sale, "lines");
  if (lines.is_array()) {
    for (const json::value& line : lines.get_array()) {
      std::string remarks;
      const json::value& flags = member_at(line, "flags");
      if (flags.is_array()) {
        for (const json::value& flag : flags.get_array()) {
          remarks += (remarks.empty() ? "" : ", ") + explain_flag(std::string(flag.as_string()));
        }
      }
      table.add({{text_at(line, "sku")},
                 {shorten(text_at(line, "description"), description_width_max)},
                 {text_at(line, "quantity") + " " + text_at(line, "unit"), Colour::plain, true},
                 {text_at(line, "charged_unit_price"), Colour::plain, true},
                 {text_at(line, "total"), Colour::plain, true},
                 {remarks, Colour::yellow}});
    }
  }
  table.print(console_);
  console_.line(console_.paint("total " + text_at(sale, "total") + " " + text_at(sale, "currency"),
                               Colour::bold) +
                ", tax " + text_at(sale, "tax") + "   id " + text_at(sale, "id"));
}

int Commands::stock(const std::string& sku) {
  Table table({"article", "stock", "state"});
  const auto add = [&](const json::value& row) {
    const std::string state = text_at(row, "state");
    table.add({{text_at(row, "sku")},
               {text_at(row, "display"), Colour::plain, true},
               {in_words(state), colour_of_state(state)}});
  };
  if (!sku.empty()) {
    const auto row = get("/v1/stock/" + percent_encode(sku));
    if (!row) return exit_failed;
    add(*row);
  } else {
    std::string target = "/v1/stock?limit=1000";
    for (;;) {
      const auto page = get(target);
      if (!page) return exit_failed;
      const json::value& rows = member_at(*page, "stock");
      if (rows.is_array()) {
        for (const json::value& row : rows.get_array()) add(row);
      }
      const std::string next = text_at(*page, "next");
      if (next.empty()) break;
      target = "/v1/stock?limit=1000&after=" + percent_encode(next);
    }
  }
  if (json_) return exit_done;
  if (table.empty()) {
    console_.line("No product has moved yet.");
  } else {
    table.print(console_);
  }
  return exit_done;
}

int Commands::move_stock(const std::string& target, const std::string& sku,
                         const std::string& quantity, const std::string& name,
                         const std::string& text) {
  articles_ = {sku};
  JsonWriter writer;
  writer.begin_object().member("idempotency_key", new_key()).member(name, text);
  writer.key("lines").begin_array().begin_object();
  writer.member("sku", sku).member("quantity", quantity);
  writer.end_object().end_array().end_object();
  const auto moved = post(target, writer.text());
  if (!moved) return exit_failed;
  if (json_) return exit_done;
  if (text_at(*moved, "lines.0.flags").find("unknown_product") != std::string::npos) {
    console_.line(console_.paint(sku + " is not in the product table; recorded all the same.",
                                 Colour::yellow));
  }
  return stock(sku);
}

int Commands::receive(const std::string& sku, const std::string& quantity,
                      const std::string& document) {
  return move_stock("/v1/deliveries", sku, quantity, "document", document);
}

int Commands::adjust(const std::string& sku, const std::string& quantity,
                     const std::string& reason) {
  return move_stock("/v1/adjustments", sku, quantity, "reason", reason);
}

}  // namespace titan::pos
