// `titan-pos import-v01`: a till of the former version moves in (docs/V01.md).
#include "pos-node/cli/move_in_command.h"

#include <SQLiteCpp/Exception.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <thread>

#include "pos-node/api/http.h"
#include "pos-node/cli/commands.h"
#include "pos-node/cli/move_in_report.h"
#include "pos-node/json/json_writer.h"
#include "pos-node/move_in/v01/faults.h"
#include "pos-node/move_in/v01/former_file.h"
#include "pos-node/move_in/v01/former_products.h"
#include "pos-node/move_in/v01/former_sales.h"
#include "retail/currency.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

// A batch waits behind the sales of a slow disk; a list of 50,000 products takes a till a minute.
// A till looks up and signs a batch in one turn: sales at its screen wait no longer than that.
constexpr std::chrono::seconds batch_wait(60);
constexpr std::chrono::seconds products_wait(15 * 60);
constexpr std::size_t batch_sales_max = 100;
constexpr std::size_t batch_stocks_max = 200;
// Of a body that takes a mebibyte.
constexpr std::size_t batch_bytes_max = 512 * 1024;
// How often a till that is busy with another move-in is asked again.
constexpr int busy_attempts_max = 100;
constexpr std::chrono::milliseconds busy_pause(100);
constexpr std::size_t differences_shown_max = 50;

WallTime wall_now() {
  using namespace std::chrono;
  return {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

std::uint64_t number_at(const json::value& value, std::string_view path) {
  const std::string text = text_at(value, path);
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

// One run of the command.
class MoveIn {
 public:
  MoveIn(const HostPort& api, Console& console, bool json, const MoveInCommand& command)
      : client_(api, batch_wait),
        products_client_(api, products_wait),
        console_(console),
        json_(json),
        command_(command) {}

  int run() {
    auto opened = v01::FormerFile::open(command_.path);
    if (!opened) return fail(opened.error().message);
    file_ = std::move(*opened);
    const auto identity = file_->identity();
    if (!identity) return fail(identity.error().message);
    if (!ask("GET", "/v1/move-ins?file=" + identity->hex())) return exit_failed;
    id_ = text_at(answer_, "id");
    facts_.store = text_at(answer_, "store");
    facts_.currency = text_at(answer_, "currency");
    terminal_ = text_at(answer_, "terminal");
    exponent_ = currency_exponent(facts_.currency);
    if (!file_->store().empty() && file_->store() != facts_.store) {
      return fail(command_.path + " belongs to store " + file_->store() + ", this till to store " +
                  facts_.store + ". Move it in at a till of its own store.");
    }
    if (!file_->currency().empty() && file_->currency() != facts_.currency) {
      return fail(command_.path + " is in " + file_->currency() + ", this till sells in " +
                  facts_.currency + ".");
    }
    if (command_.undo) return undo();
    if (const std::string unfinished = text_at(answer_, "unfinished_undo"); !unfinished.empty()) {
      return fail("An undo of this file was interrupted. Finish it first: titan-pos import-v01 " +
                  command_.path + " --undo");
    }
    return move_in();
  }

 private:
  int fail(const std::string& text) {
    console_.progress("");
    console_.fail(text);
    return exit_failed;
  }

  // False: told already. A till that is busy with another move-in is asked again for a while.
  bool ask(const std::string& method, const std::string& target, const std::string& body = {}) {
    ApiClient& client = method == "PUT" ? products_client_ : client_;
    for (int attempt = 0;; ++attempt) {
      const auto reply =
          client.request(method, target, body.empty() ? "" : "application/json", body);
      if (!reply) {
        fail(reply.error().message +
             " What was moved in so far stays; run the same command again.");
        return false;
      }
      boost::json::error_code error;
      answer_ = json::parse(reply->body, error);
      if (reply->is_success() && !error) return true;
      if (reply->status == 503 && attempt < busy_attempts_max) {
        std::this_thread::sleep_for(busy_pause);
        continue;
      }
      const std::string message = text_at(answer_, "error.message");
      const std::string field = text_at(answer_, "error.field");
      fail((message.empty() ? "The till answered with status " + std::to_string(reply->status)
                            : message) +
           (field.empty() || method == "GET" ? "" : " (" + field + ")"));
      return false;
    }
  }

  std::string target(const std::string& what) const { return "/v1/move-ins/" + id_ + "/" + what; }

  int move_in() {
    if (!file_->notes().empty()) {
      for (const std::string& note : file_->notes()) note_line(note);
    }
    if (file_->held_by()) {
      const std::string who = command_.path + " is open in a program that runs (process " +
                              std::to_string(*file_->held_by()) + ")";
      if (!command_.dry_run) {
        return fail(who +
                    ". Stop the old till program, then move in: what it sells from now on "
                    "would be missing.");
      }
      console_.warn(who + "; the figures are those of this moment.");
    }
    if (!check()) return exit_failed;
    if (!send_products() || !send_stocks()) return exit_failed;
    if (!command_.dry_run && !send_sales(false)) return exit_failed;
    if (!is_unchanged()) return exit_failed;
    console_.progress("");
    if (json_) {
      console_.line(report_json(report(), totals_, faults_));
    } else {
      print_report(console_, report(), totals_);
    }
    return exit_done;
  }

  // Who looks at a till that sells sees its file change; who moves in would leave sales behind.
  bool is_unchanged() {
    if (!file_->has_changed()) return true;
    const std::string what = command_.path + " was written while it was read";
    if (command_.dry_run) {
      console_.warn(what + "; the figures are those of its beginning.");
      return true;
    }
    fail(what +
         ", so sales may be missing. Stop the old till program, then run the same command again: "
         "what is moved in already stays and counts once.");
    return false;
  }

  // The whole file, before anything is sent.
  bool check() {
    if (!command_.report.empty()) {
      fault_file_.open(command_.report);
      if (!fault_file_.is_open()) {
        fail(command_.report + " cannot be written; choose another file for --report.");
        return false;
      }
      faults_.set_sink([this](const v01::Fault& fault) { fault_file_ << fault.text() << "\n"; });
    }
    console_.progress("reading " + command_.path);
    try {
      products_ = v01::read_products(*file_, facts_, faults_);
      const std::uint64_t before = faults_.count();
      found_ =
          v01::walk_sales(*file_, facts_, now_, faults_, [](const FormerSale&) { return true; });
      sales_faults_ = faults_.count() - before;
    } catch (const SQLite::Exception& exception) {
      fail(command_.path + " cannot be read: " + exception.what() + ". Nothing was moved in.");
      return false;
    }
    // Against what is here: another sale under a former sale's terminal and id is a fault too.
    if (!send_sales(true)) return false;
    console_.progress("");
    for (const std::string& note : products_.notes) note_line(note);
    print_faults();
    if (faults_.count() == 0 || command_.dry_run || command_.leave_out_faults) return true;
    fail(
        "Nothing was moved in. Correct these rows in the file, or leave them behind with "
        "--leave-out-faults.");
    return false;
  }

  void note_line(const std::string& note) {
    if (!json_) console_.line(console_.paint("note ", Colour::yellow) + note);
  }

  void print_faults() {
    if (json_ || faults_.count() == 0) return;
    for (const v01::Fault& fault : faults_.shown()) {
      console_.line(console_.paint("fault ", Colour::red) + fault.text());
    }
    if (faults_.count() > faults_.shown().size()) {
      console_.line("and " + std::to_string(faults_.count() - faults_.shown().size()) +
                    " more faults" +
                    (command_.report.empty() ? "; --report FILE writes all of them"
                                             : ", all in " + command_.report));
    }
    std::string summary;
    for (const auto& [table, count] : faults_.by_table()) {
      summary += (summary.empty() ? "" : ", ") + table + " " + std::to_string(count);
    }
    console_.line(std::to_string(faults_.count()) + " faults (" + summary +
                  "): " + std::to_string(products_.left_out) + " products and " +
                  std::to_string(found_.left_out + totals_.differing_sales) + " sales do not fit");
  }

  bool send_products() {
    totals_.products = products_.rows.size();
    if (products_.rows.empty()) return true;
    std::string body = "{\"products\":[";
    for (const std::string& row : products_.rows) {
      if (body.back() != '[') body += ',';
      body += row;
    }
    body += "]}";
    console_.progress("products");
    const std::string how = std::string("?dry_run=") + (command_.dry_run ? "true" : "false") +
                            "&overwrite=" + (command_.overwrite_products ? "true" : "false");
    if (!ask("PUT", target("products") + how, body)) return false;
    totals_.products_changed = number_at(answer_, "changed");
    totals_.products_added = number_at(answer_, "added");
    totals_.products_kept = number_at(answer_, "kept");
    note_differing();
    return true;
  }

  // Articles that are here and differ from the file.
  void note_differing() {
    const json::value& products = member_at(answer_, "differing");
    if (!products.is_array()) return;
    for (const json::value& product : products.get_array()) {
      std::string text = text_at(product, "sku") + ":";
      const json::value& fields = member_at(product, "fields");
      if (fields.is_array()) {
        for (const json::value& field : fields.get_array()) {
          text += (text.back() == ':' ? " " : ", ") + text_at(field, "field") + " is \"" +
                  text_at(field, "here") + "\" here and \"" + text_at(field, "listed") +
                  "\" in the file";
        }
      }
      if (totals_.products_differing.size() < differences_shown_max) {
        note_line("product " + text + "; it stays as it is here");
      }
      totals_.products_differing.push_back(std::move(text));
    }
    if (totals_.products_kept > differences_shown_max) {
      note_line("and " + std::to_string(totals_.products_kept - differences_shown_max) +
                " more products differ");
    }
    if (totals_.products_kept > 0) {
      note_line(
          "--overwrite-products takes what the file says of such products, unless they were "
          "changed after it was moved in");
    }
  }

  const char* dry() const { return command_.dry_run ? ",\"dry_run\":true" : ""; }

  bool send_stocks() {
    const auto& stock = products_.stock;
    for (std::size_t first = 0; first < stock.size(); first += batch_stocks_max) {
      const std::size_t end = std::min(first + batch_stocks_max, stock.size());
      JsonWriter writer;
      writer.begin_array();
      for (std::size_t i = first; i < end; ++i) {
        writer.begin_object()
            .member("sku", stock[i].sku)
            .member("quantity", to_text(stock[i].quantity))
            .end_object();
      }
      writer.end_array();
      console_.progress("opening stock " + std::to_string(end) + " of " +
                        std::to_string(stock.size()));
      if (!ask("POST", target("opening-stock"), "{\"lines\":" + writer.text() + dry() + "}")) {
        return false;
      }
      for (std::size_t i = first; i < end; ++i) {
        note_stock(stock[i], member_at(answer_, "lines." + std::to_string(i - first)));
      }
    }
    return true;
  }

  void note_stock(const OpeningStock& stock, const json::value& said) {
    ++totals_.stocks;
    const std::string outcome = text_at(said, "outcome");
    totals_.stocks_known += outcome == "known" ? 1 : 0;
    totals_.stocks_claimed += outcome == "claimed" ? 1 : 0;
    if (outcome == "new") return;
    const std::string counts = text_at(said, "counts");
    const auto counting = parse_decimal(counts);
    if (counting && rescale_exactly(*counting, 6) == rescale_exactly(stock.quantity, 6)) return;
    totals_.stock_differs[stock.sku] = counts;
    if (json_ || totals_.stock_differs.size() > differences_shown_max) return;
    note_line("stock of " + stock.sku + ": this file says " +
              to_short_text(stock.quantity.value, stock.quantity.scale) + ", " + counts +
              " counts, moved in before");
  }

  // Only compared with what is here, or moved in.
  bool send_sales(bool only_compared) {
    const char* mode = only_compared ? ",\"dry_run\":true" : "";
    totals_.forget_sales();
    std::vector<FormerSale> batch;
    std::string body;
    bool good = true;
    v01::Faults told_already;
    const auto send = [&] {
      if (batch.empty()) return true;
      console_.progress((only_compared ? "comparing sales " : "sales ") +
                        std::to_string(totals_.sales + batch.size()) + " of " +
                        std::to_string(found_.good));
      if (!ask("POST", target("sales"), "{\"sales\":[" + body + "]" + mode + "}")) return false;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const json::value& said = member_at(answer_, "sales." + std::to_string(i));
        if (text_at(said, "outcome") == "differs") {
          ++totals_.differing_sales;
          if (only_compared) faults_.add(differing(batch[i], said));
          continue;
        }
        totals_.take(batch[i], text_at(said, "business_date"), text_at(said, "outcome") == "known",
                     exponent_);
      }
      batch.clear();
      body.clear();
      return true;
    };
    v01::SalesFound found;
    try {
      found = v01::walk_sales(*file_, facts_, now_, told_already, [&](const FormerSale& sale) {
        std::string row = v01::former_sale_json(sale);
        const bool is_full = batch.size() >= batch_sales_max ||
                             (!batch.empty() && body.size() + row.size() > batch_bytes_max);
        if (is_full) good = send();
        if (!good) return false;
        body += (body.empty() ? "" : ",") + row;
        batch.push_back(sale);
        return true;
      });
    } catch (const SQLite::Exception& exception) {
      fail(command_.path + " cannot be read: " + exception.what() +
           ". What was moved in so far stays; run the same command again.");
      return false;
    }
    if (!good || !send()) return false;
    if (found.good == found_.good && told_already.count() == sales_faults_) return true;
    fail(command_.path +
         " read differently the second time, so sales may be missing. Is its disk sound? What was "
         "moved in so far stays; copy the file to another disk and run the command on the copy.");
    return false;
  }

  static v01::Fault differing(const FormerSale& sale, const json::value& said) {
    return {"sales", sale.id, "id",
            "another sale of " + sale.terminal + " is here under this id: receipt " +
                text_at(said, "here.receipt") + " of " + text_at(said, "here.time") + ", " +
                text_at(said, "here.total") + "; in this file it is receipt " + sale.receipt +
                ", " + to_text(sale.total) +
                ". Were two tills given one terminal_id? Then give the terminal_id in one file "
                "another name."};
  }

  MoveInReport report() const {
    MoveInReport report;
    report.id = id_;
    report.terminal = terminal_;
    report.store = facts_.store;
    report.currency = facts_.currency;
    report.exponent = exponent_;
    report.dry_run = command_.dry_run;
    report.notes = file_->notes();
    report.notes.insert(report.notes.end(), products_.notes.begin(), products_.notes.end());
    report.products_left_out = products_.left_out;
    report.sales_left_out = found_.left_out + totals_.differing_sales;
    return report;
  }

  int undo() {
    const std::string unfinished = text_at(answer_, "unfinished_undo");
    if (unfinished.empty() && text_at(answer_, "begun") != "true") {
      console_.line("Nothing of this file is moved in here; there is nothing to undo.");
      return exit_done;
    }
    if (!unfinished.empty()) id_ = unfinished;
    const std::string body = command_.dry_run ? "{\"dry_run\":true}" : "{\"reason\":\"undone\"}";
    if (!ask("POST", target("withdrawal"), body)) return exit_failed;
    if (json_) {
      console_.line(json::serialize(answer_));
      return exit_done;
    }
    console_.line(std::string(command_.dry_run ? "This would be undone: " : "Undone: ") +
                  text_at(answer_, "sales") + " past sales, " + text_at(answer_, "opening_stocks") +
                  " opening stocks, " + text_at(answer_, "products") + " products as before");
    if (number_at(answer_, "products_kept") > 0) {
      console_.line(text_at(answer_, "products_kept") +
                    " products were changed since and stay as they are");
    }
    if (text_at(answer_, "products_known") != "true") {
      console_.warn(
          "What the products were before is not known at this till; they stay as they "
          "are.");
    }
    return exit_done;
  }

  ApiClient client_;
  ApiClient products_client_;
  Console& console_;
  const bool json_;
  const MoveInCommand& command_;

  std::unique_ptr<v01::FormerFile> file_;
  json::value answer_;
  std::string id_;
  std::string terminal_;
  StoreFacts facts_;
  std::uint32_t exponent_ = 2;
  v01::Faults faults_;
  std::ofstream fault_file_;
  v01::FormerProducts products_;
  v01::SalesFound found_;
  std::uint64_t sales_faults_ = 0;
  const WallTime now_ = wall_now();  // both walks judge by the same
  MoveInTotals totals_;
};

int Commands::import_v01(const MoveInCommand& command) {
  return MoveIn(api_, console_, json_, command).run();
}

}  // namespace titan::pos
